//! The wire types and services generated from `proto/`, and their conversions to and from `domain`.
//!
//! No rules live here: a conversion that can fail says which field and why, and that is all.

pub mod convert;
pub mod filter;

/// All files of `proto/`, encoded, for gRPC reflection and for the test that walks every RPC.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

mod generated {
    // tonic's code refers to sibling packages as `super::super::<area>::v1`.
    pub mod fanfare {
        macro_rules! v1 {
            ($($area:ident),* $(,)?) => {$(
                pub mod $area {
                    #[allow(clippy::all, clippy::pedantic, clippy::unwrap_used, reason = "generated")]
                    pub mod v1 {
                        include!(concat!(env!("OUT_DIR"), "/fanfare.", stringify!($area), ".v1.rs"));
                    }
                }
            )*};
        }
        v1!(
            analytics,
            campaign,
            common,
            consent,
            contact,
            conversation,
            device,
            event,
            operations,
            optout,
            scheduler,
            sender,
            template,
            workspace
        );
    }
}

pub use generated::fanfare::{
    analytics::v1 as analytics, campaign::v1 as campaign, common::v1 as common, consent::v1 as consent, contact::v1 as contact,
    conversation::v1 as conversation, device::v1 as device, event::v1 as event, operations::v1 as operations, optout::v1 as optout,
    scheduler::v1 as scheduler, sender::v1 as sender, template::v1 as template, workspace::v1 as workspace,
};

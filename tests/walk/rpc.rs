//! The RPCs of the hub, from the descriptors.

use prost_reflect::{DescriptorPool, MethodDescriptor};
use std::sync::LazyLock;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| DescriptorPool::decode(proto::DESCRIPTORS).unwrap());

/// One RPC.
#[derive(Clone)]
pub struct Rpc {
    pub method: MethodDescriptor,
    /// `campaign.v1.CampaignService`.
    pub service: String,
    /// `GetCampaign`.
    pub verb: String,
}

impl Rpc {
    /// `/fanfare.campaign.v1.CampaignService/GetCampaign`.
    pub fn path(&self) -> String {
        format!("/fanfare.{}/{}", self.service, self.verb)
    }

    /// `campaign.v1.CampaignService/GetCampaign`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.service, self.verb)
    }

    /// Whether it only reads: then a foreign id may be a filter that nothing fits.
    pub fn reads(&self) -> bool {
        const READS: [&str; 12] =
            ["Get", "List", "Export", "Count", "Preview", "Validate", "Diff", "Watch", "Explain", "DryRun", "Download", "Recount"];
        READS.iter().any(|verb| self.verb.starts_with(verb))
    }
}

/// All of them, in the order of the files.
pub fn all() -> Vec<Rpc> {
    let services = POOL.services().filter_map(|service| Some((service.full_name().strip_prefix("fanfare.")?.to_owned(), service)));
    services
        .flat_map(|(name, service)| {
            service.methods().map(move |method| Rpc { verb: method.name().to_owned(), service: name.clone(), method }).collect::<Vec<_>>()
        })
        .collect()
}

/// `TestSend` as `test_send`.
pub fn snake(camel: &str) -> String {
    let mut text = String::new();
    for c in camel.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(c.to_lowercase());
    }
    text
}

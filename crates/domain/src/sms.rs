//! What a text message to a number costs, and by which name it may come: facts of the number's country.
//!
//! How many messages a text makes is in [`crate::render::sms`]. Nothing here knows a provider.

pub mod country;
pub mod price;
pub mod senders;

pub use price::{Price, PriceList, Pricing, Quote, Unpriced};
pub use senders::Countries;

/// Messages that one text may make, unless its campaign says otherwise.
pub const MAX_SEGMENTS_DEFAULT: u32 = 4;
/// The most that a campaign may allow: 1,600 characters of Unicode, which is all that providers take, make 24.
pub const MAX_SEGMENTS: u32 = 24;
/// Pictures and the like that one message carries at most (Twilio, `MediaUrl`).
pub const MAX_MEDIA: usize = 10;

//! What is only a post's.

use super::NotMade;
use crate::{Dispatcher, job::Work};
use providers::Message;
use store::gate::Claimed;

/// Finishes a message of this channel: nobody in particular gets it, so nobody can leave by it.
///
/// # Errors
/// None; the signature is that of all channels.
pub(super) async fn fill(_dispatcher: &Dispatcher, _work: &Work, _claimed: &Claimed, message: &mut Message) -> Result<(), NotMade> {
    message.unsubscribe_url = None;
    message.to_name = None;
    Ok(())
}

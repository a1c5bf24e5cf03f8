//! A test as callers see it.

use crate::convert::timestamp;
use proto::{
    convert::channel_number,
    template::{TestMessage as WireMessage, TestSend as Wire, TestState as WireState},
};
use store::test_send::{TestMessage, TestSend, TestState};

pub fn present(test: TestSend, messages: Vec<TestMessage>) -> Wire {
    let (template_id, template_version) = test.template.unzip();
    Wire {
        id: test.test_send_id.to_string(),
        template_id: template_id.map(|id| id.to_string()).unwrap_or_default(),
        template_version: template_version.map(i32::unsigned_abs).unwrap_or_default(),
        campaign_id: test.campaign_id.map(|id| id.to_string()).unwrap_or_default(),
        contact_id: test.contact_id.map(|id| id.to_string()).unwrap_or_default(),
        channel: channel_number(test.channel),
        sender_id: test.sender_id.to_string(),
        done: messages.iter().all(|message| message.state.is_final()),
        messages: messages.into_iter().map(message).collect(),
        created_by: test.created_by,
        created_at: Some(timestamp(test.created_at)),
    }
}

fn message(message: TestMessage) -> WireMessage {
    WireMessage {
        address: message.address,
        state: state(message.state).into(),
        code: message.code,
        detail: message.detail,
        provider_message_id: message.provider_message_id,
        updated_at: Some(timestamp(message.updated_at)),
    }
}

const fn state(state: TestState) -> WireState {
    match state {
        TestState::Queued => WireState::Queued,
        TestState::Sending => WireState::Sending,
        TestState::Accepted => WireState::Accepted,
        TestState::Refused => WireState::Refused,
        TestState::Uncertain => WireState::Uncertain,
        TestState::Expired => WireState::Expired,
    }
}

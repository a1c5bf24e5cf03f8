//! `fanfare template test`: one variant to a few addresses.

use crate::{
    output::{Table, channel_name},
    resolve,
    session::{Session, request_id},
};
use anyhow::{Context, Result, bail};
use clap::Args;
use domain::Channel;
use proto::{
    convert::channel_number,
    template::{GetTestSendRequest, TestMessage, TestSend, TestSendTemplateRequest, TestState},
};
use std::time::Duration;
use tokio::time::Instant;

const ASK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub struct TestArgs {
    #[command(flatten)]
    which: Which,
    #[arg(long)]
    channel: Channel,
    /// Name or id; the campaign's own sender without
    #[arg(long)]
    sender: Option<String>,
    /// An e-mail address or a phone, as the channel needs; up to ten
    #[arg(long, required = true, value_name = "ADDRESS")]
    to: Vec<String>,
    /// Id of the contact whose data is filled in; a made-up contact without
    #[arg(long, default_value = "", hide_default_value = true)]
    contact: String,
    /// The language, such as ar; the contact's without
    #[arg(long, default_value = "", hide_default_value = true)]
    locale: String,
    /// Seconds to wait for what becomes of it
    #[arg(long, default_value_t = 60)]
    wait: u64,
}

/// What is sent: a template, a campaign's, or a template as if it were a campaign's.
#[derive(Debug, Args)]
struct Which {
    /// Name or id of a template
    #[arg(required_unless_present = "campaign")]
    template: Option<String>,
    /// 0: the newest
    #[arg(long, default_value_t = 0)]
    version: u32,
    /// Name or id of a campaign
    #[arg(long)]
    campaign: Option<String>,
}

/// # Errors
/// When the hub refuses, when not all is known in time, or when an address didn't get it.
pub async fn run(args: TestArgs, session: &Session) -> Result<()> {
    let wait = Duration::from_secs(args.wait);
    let request = request(args, session).await?;
    let test = session.templates().test_send_template(request).await?.into_inner().test_send;
    let test = outcome(session, test.context("the hub's answer has no test")?, wait).await?;
    session.output.message(&test, describe)?;
    if !test.done {
        bail!("not all is known after {} s", wait.as_secs());
    }
    if test.messages.iter().any(|message| message.state() != TestState::Accepted) { bail!("not every address got it") } else { Ok(()) }
}

async fn request(args: TestArgs, session: &Session) -> Result<TestSendTemplateRequest> {
    let id = match &args.which.template {
        Some(template) => resolve::template(session, template).await?,
        None => String::new(),
    };
    let campaign_id = match &args.which.campaign {
        Some(campaign) => resolve::campaign(session, campaign).await?,
        None => String::new(),
    };
    let sender_id = match &args.sender {
        Some(sender) => resolve::sender(session, sender).await?,
        None => String::new(),
    };
    Ok(TestSendTemplateRequest {
        id,
        version: args.which.version,
        campaign_id,
        channel: channel_number(args.channel),
        sender_id,
        addresses: args.to,
        contact_id: args.contact,
        locale: args.locale,
        request_id: request_id(),
    })
}

/// Asks until all is known, or for as long as that.
async fn outcome(session: &Session, mut test: TestSend, wait: Duration) -> Result<TestSend> {
    let until = Instant::now() + wait;
    while !test.done && Instant::now() < until {
        tokio::time::sleep(ASK_EVERY).await;
        let request = GetTestSendRequest { id: test.id.clone() };
        test = session.templates().get_test_send(request).await?.into_inner().test_send.context("the hub's answer has no test")?;
    }
    Ok(test)
}

fn describe(test: &TestSend) -> String {
    let mut table = Table::new(["address", "", "why"]);
    for message in &test.messages {
        table.row([message.address.clone(), state(message), why(message)]);
    }
    format!("{}  {} by sender {}\n{table}", test.id, channel_name(test.channel), test.sender_id)
}

fn state(message: &TestMessage) -> String {
    message.state().as_str_name().trim_start_matches("TEST_STATE_").to_lowercase()
}

fn why(message: &TestMessage) -> String {
    match (message.code.as_str(), message.detail.as_str()) {
        ("", detail) => detail.to_owned(),
        (code, "") => code.to_owned(),
        (code, detail) => format!("{code}: {detail}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_outcome_and_why() {
        let message = |address: &str, state: TestState, code: &str, detail: &str| TestMessage {
            address: address.into(),
            state: state.into(),
            code: code.into(),
            detail: detail.into(),
            ..TestMessage::default()
        };
        let test = TestSend {
            id: "id".into(),
            channel: channel_number(Channel::Sms),
            sender_id: "s".into(),
            messages: vec![
                message("+971501234567", TestState::Accepted, "", ""),
                message("+971507654321", TestState::Refused, "opted_out", "this address has opted out"),
            ],
            ..TestSend::default()
        };
        let text = describe(&test);
        assert!(text.starts_with("id  sms by sender s\n"), "{text}");
        assert!(text.contains("accepted") && text.contains("opted_out: this address has opted out"), "{text}");
    }
}

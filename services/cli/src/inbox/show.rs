//! `fanfare inbox show`: what was said in a conversation.

use super::when;
use crate::{
    output::{printable, words},
    paging,
    session::Session,
};
use anyhow::Result;
use proto::conversation::{AnswerState, Direction, Handling, ListMessagesRequest, Message};

pub async fn run(id: String, limit: usize, session: &Session) -> Result<()> {
    let mut messages = paging::collect(limit, |page_size, page_token| {
        let request = ListMessagesRequest { conversation_id: id.clone(), page_size, page_token };
        async move {
            let page = session.conversations().list_messages(request).await?.into_inner();
            Ok((page.messages, page.next_page_token))
        }
    })
    .await?;
    messages.reverse();
    session.output.json_lines(&messages)?;
    let lines: Vec<_> = messages.iter().map(describe).collect();
    session.output.say(&if lines.is_empty() { "none".to_owned() } else { lines.join("\n") })
}

fn describe(message: &Message) -> String {
    let by = match message.direction() {
        Direction::Out => format!("{} ({})", message.author, state(message)),
        _ if message.sender_name.is_empty() => "they".to_owned(),
        _ => message.sender_name.clone(),
    };
    let mut notes = Vec::new();
    if !matches!(message.handling(), Handling::Handed | Handling::Answer) {
        notes.push(words(&format!("{:?}", message.handling())));
    }
    if !message.reply_to_message_id.is_empty() {
        notes.push(format!("to {}", message.reply_to_message_id));
    }
    notes.extend(message.media.iter().map(|media| format!("{} {}", media.media_type, media.file_name).trim().to_owned()));
    if message.unreadable {
        notes.push("it can't be opened: its key is not configured any more".to_owned());
    }
    let notes = if notes.is_empty() { String::new() } else { format!("  [{}]", notes.join(", ")) };
    printable(&format!("{}  {}  {by}{notes}\n    {}", when(message.at.as_ref()), message.id, message.text.replace('\n', "\n    ")))
}

/// How far an answer has come, with the reason when it hasn't.
pub fn state(message: &Message) -> String {
    let state = words(&format!("{:?}", message.state()));
    match (message.state(), message.code.as_str()) {
        (AnswerState::Unspecified, _) => String::new(),
        (_, "") => state,
        (_, code) => format!("{state}: {code} {}", message.detail).trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_with_what_became_of_it_and_moves_no_cursor() {
        let message = Message {
            id: "m".to_owned(),
            direction: Direction::In.into(),
            handling: Handling::Stop.into(),
            sender_name: "Sara".to_owned(),
            text: "STOP\u{1b}[2J\nplease".to_owned(),
            ..Message::default()
        };
        let shown = describe(&message);
        assert!(shown.contains("Sara  [stop]") && shown.contains("\n    please") && !shown.contains('\u{1b}'), "{shown:?}");
        let refused = Message {
            direction: Direction::Out.into(),
            state: AnswerState::Refused.into(),
            code: "opted_out".to_owned(),
            detail: "this person has opted out".to_owned(),
            ..Message::default()
        };
        assert_eq!(state(&refused), "refused: opted_out this person has opted out");
    }
}

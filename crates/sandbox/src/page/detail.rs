//! One message, as its recipient sees it, with what becomes of it.

use serde_json::Value;

use crate::behaviour::{Step, StepSet};
use crate::message::{Channel, Logged, Message, Provider};
use crate::page::html::{Esc, frame};
use crate::page::list::{name, push};

/// `done` is what has been played and answered.
pub fn render(logged: &Logged, done: StepSet) -> String {
    let message = &logged.message;
    let seen = match message.channel {
        Channel::Email => mail(logged),
        Channel::Sms | Channel::Whatsapp | Channel::Push | Channel::Social => phone(message),
    };
    let title = format!("{} to {}", name(message.channel), message.to);
    let body = format!(
        "<p><a href=\"/\">All messages</a></p><h1>{}</h1><div class=\"two\"><section aria-label=\"As the recipient \
         sees it\">{seen}</section><aside>{}{}</aside></div>",
        Esc(&title),
        outcome(message, done),
        facts(logged),
    );
    frame(&title, &body)
}

fn mail(logged: &Logged) -> String {
    let message = &logged.message;
    let mut out = format!(
        "<div class=\"mail\"><div class=\"head\"><strong dir=\"auto\">{}</strong><br><span class=\"dim\">From {} to {}\
         </span></div>",
        Esc(message.subject.as_deref().unwrap_or("(no subject)")),
        Esc(&message.from),
        Esc(&message.to),
    );
    if message.html.is_some() {
        push(
            &mut out,
            format_args!("<iframe sandbox=\"\" src=\"/m/{}/html\" title=\"The e-mail, images not loaded\"></iframe>", logged.seq),
        );
    }
    out.push_str("</div>");
    if let Some(text) = &message.text {
        push(&mut out, format_args!("<h2>Plain text</h2><div class=\"mail\"><pre class=\"text\" dir=\"auto\">{}</pre></div>", Esc(text)));
    }
    if message.template.is_some() || message.variables.is_some() {
        push(&mut out, format_args!("<h2>Template</h2>{}", template(message)));
    }
    for file in &message.media {
        push(&mut out, format_args!("<p class=\"dim\">File: {}</p>", Esc(file)));
    }
    out
}

fn phone(message: &Message) -> String {
    let class = if message.channel == Channel::Whatsapp { "bubble wa" } else { "bubble" };
    let mut inside = String::new();
    if let Some(title) = &message.subject {
        push(&mut inside, format_args!("<strong>{}</strong><br>", Esc(title)));
    }
    if let Some(text) = &message.text {
        push(&mut inside, format_args!("{}", Esc(text)));
    }
    inside.push_str(&template(message));
    for url in &message.media {
        push(&mut inside, format_args!("<br>{}", Esc(url)));
    }
    format!("<div class=\"phone\"><div class=\"who\">{}</div><div class=\"{class}\" dir=\"auto\">{inside}</div></div>", Esc(&message.from))
}

/// The template that the provider would fill in: its name, and what it is filled with.
fn template(message: &Message) -> String {
    let mut lines: Vec<(String, String)> = Vec::new();
    if let Some(sid) = &message.content_sid {
        lines.push(("template".into(), sid.clone()));
    }
    match &message.template {
        Some(Value::String(id)) => lines.push(("template".into(), id.clone())),
        Some(value) if message.provider == Provider::Meta && message.text.is_none() => {
            let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
            lines.push(("template".into(), text("/name")));
            lines.push(("language".into(), text("/language/code")));
            for component in value["components"].as_array().into_iter().flatten() {
                components(component, &mut lines);
            }
        }
        _ => {}
    }
    for (key, value) in message.variables.as_ref().and_then(Value::as_object).into_iter().flatten() {
        lines.push((format!("{{{{{key}}}}}"), plain(value)));
    }
    lines.retain(|(_, value)| !value.is_empty());
    if lines.is_empty() {
        return String::new();
    }
    let mut out = String::from("<dl>");
    for (label, value) in lines {
        push(&mut out, format_args!("<dt>{}</dt><dd dir=\"auto\">{}</dd>", Esc(label), Esc(value)));
    }
    out.push_str("</dl>");
    out
}

fn components(component: &Value, lines: &mut Vec<(String, String)>) {
    let kind = component["type"].as_str().unwrap_or("?").to_lowercase();
    for (i, parameter) in component["parameters"].as_array().into_iter().flatten().enumerate() {
        let of = parameter["type"].as_str().unwrap_or("?");
        let label = match (kind.as_str(), parameter["parameter_name"].as_str()) {
            (_, Some(named)) => format!("{kind} {{{{{named}}}}}"),
            ("body", None) => format!("body {{{{{}}}}}", i + 1),
            ("button", None) => format!("button {}", plain(&component["index"])),
            (kind, None) => kind.to_owned(),
        };
        lines.push((label, plain(&parameter[of])));
    }
}

/// A value as a person would write it: text without quotes, of an object its link, id or fallback.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Object(map) => ["link", "id", "fallback_value"]
            .iter()
            .find_map(|key| map.get(*key)?.as_str().map(Into::into))
            .unwrap_or_else(|| value.to_string()),
        other => other.to_string(),
    }
}

fn outcome(message: &Message, done: StepSet) -> String {
    let mut out = String::from("<h2>What becomes of it</h2>");
    if message.plays.is_empty() {
        out.push_str(match message.fails_with.as_deref() {
            Some("lost") => "<p>It is lost on its way, and nobody hears of it.</p>",
            _ => "<p>It is accepted, and nothing more is reported.</p>",
        });
        return out;
    }
    out.push_str("<ol class=\"plays\">");
    for step in message.plays.iter() {
        let told = if done.has(step) { "✓ " } else { "… " };
        let class = if step == Step::Failed { " class=\"bad\"" } else { "" };
        push(&mut out, format_args!("<li{class}>{told}{}", said(message, step)));
        if let (Step::Failed, Some(code)) = (step, &message.fails_with) {
            push(&mut out, format_args!(" ({})", Esc(code)));
        }
        out.push_str(if done.has(step) { "</li>" } else { " <span class=\"dim\">not answered yet</span></li>" });
    }
    out.push_str("</ol>");
    out
}

fn said(message: &Message, step: Step) -> &'static str {
    match (step, message.channel) {
        (Step::Sent, _) => "reported sent",
        (Step::Delivered, _) => "reported delivered",
        (Step::Failed, _) => "reported failed",
        (Step::Read, Channel::Email) => "opened by the recipient",
        (Step::Read, _) => "read by the recipient",
        (Step::Click, _) => "link clicked by the recipient",
        (Step::Stop, Channel::Email) => "unsubscribed by one click",
        (Step::Stop, _) => "answered STOP",
    }
}

fn facts(logged: &Logged) -> String {
    let message = &logged.message;
    let mut out = String::from("<h2>Facts</h2><dl class=\"facts\">");
    let seq = logged.seq.to_string();
    let facts = [
        ("Number", seq.as_str()),
        ("Accepted", &message.at),
        ("Provider", message.provider.as_str()),
        ("From", &message.from),
        ("To", &message.to),
        ("Provider's id", &message.provider_message_id),
        ("Correlation", &message.correlation),
        ("Message-ID", message.message_id.as_deref().unwrap_or_default()),
        ("Comes back to", message.return_path.as_deref().unwrap_or_default()),
        ("DKIM", message.dkim.as_deref().unwrap_or_default()),
        ("Status callback", message.status_callback.as_deref().unwrap_or_default()),
        ("Pixel", message.links.open.as_deref().unwrap_or_default()),
        ("Link", message.links.click.as_deref().unwrap_or_default()),
        ("Unsubscribe", message.links.unsubscribe.as_deref().unwrap_or_default()),
    ];
    for (label, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
        push(&mut out, format_args!("<dt>{label}</dt><dd>{}</dd>", Esc(value)));
    }
    out.push_str("</dl>");
    out
}

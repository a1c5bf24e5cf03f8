//! The list of what arrived, under the figures.

use crate::ledger::books::Summary;
use crate::ledger::figures::Figures;
use crate::message::Channel;
use crate::page::html::{Esc, frame};

pub struct View<'q> {
    pub figures: Figures,
    pub messages: Vec<Summary>,
    pub has_more: bool,
    pub channel: Option<Channel>,
    pub q: &'q str,
    pub page: usize,
}

impl View<'_> {
    pub fn render(&self) -> String {
        let body = format!("{}{}{}{}", self.figures(), self.form(), self.table(), self.pages());
        frame("Messages", &body)
    }

    fn figures(&self) -> String {
        let mut out = String::from("<h1>What arrived</h1><div class=\"scroll\"><table><thead><tr><th scope=\"col\">Channel</th>");
        for name in ["Sent", "Delivered", "Failed", "Read", "Clicked", "Unsubscribed", "Duplicates"] {
            push(&mut out, format_args!("<th scope=\"col\" class=\"number\">{name}</th>"));
        }
        out.push_str("</tr></thead><tbody>");
        for channel in Channel::ALL {
            let f = self.figures.channel(channel);
            push(&mut out, format_args!("<tr><th scope=\"row\" class=\"channel {0}\">{1}</th>", channel.as_str(), name(channel)));
            for number in [f.sent, f.delivered, f.failed, f.read, f.clicked, f.unsubscribed] {
                push(&mut out, format_args!("<td class=\"number\">{number}</td>"));
            }
            let class = if f.duplicates > 0 { "number bad" } else { "number" };
            push(&mut out, format_args!("<td class=\"{class}\">{}</td></tr>", f.duplicates));
        }
        let Figures { pending, callbacks_refused, callbacks_given_up, .. } = self.figures;
        push(
            &mut out,
            format_args!(
                "</tbody></table></div><p class=\"dim\">Callbacks: {pending} pending, {callbacks_refused} refused, \
                 {callbacks_given_up} given up</p>"
            ),
        );
        out
    }

    fn form(&self) -> String {
        let mut out = String::from(
            "<form method=\"get\" action=\"/\" role=\"search\"><label>Channel<select name=\"channel\"><option value=\"\">All</option>",
        );
        for channel in Channel::ALL {
            let selected = if self.channel == Some(channel) { " selected" } else { "" };
            push(&mut out, format_args!("<option value=\"{}\"{selected}>{}</option>", channel.as_str(), name(channel)));
        }
        push(
            &mut out,
            format_args!(
                "</select></label><label>Recipient or text<input type=\"search\" name=\"q\" value=\"{}\" dir=\"auto\">\
                 </label><button>Show</button></form>",
                Esc(self.q)
            ),
        );
        out
    }

    fn table(&self) -> String {
        if self.messages.is_empty() {
            return "<p class=\"empty\">No messages here yet.</p>".into();
        }
        let mut out = String::from(
            "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">No.</th><th scope=\"col\">At</th>\
             <th scope=\"col\">Channel</th><th scope=\"col\">To</th><th scope=\"col\">Message</th></tr></thead><tbody>",
        );
        for m in &self.messages {
            let title = if m.title.is_empty() { "(no text)" } else { &m.title };
            push(
                &mut out,
                format_args!(
                    "<tr><td class=\"dim number\">{0}</td><td class=\"dim\">{1}</td><td class=\"channel {2}\">{3} \
                     <span class=\"dim\">{4}</span></td><td>{5}</td><td><a href=\"/m/{0}\" dir=\"auto\">{6}</a></td></tr>",
                    m.seq,
                    Esc(m.at.get(..19).unwrap_or(&m.at).replace('T', " ")),
                    m.channel.as_str(),
                    name(m.channel),
                    m.provider.as_str(),
                    Esc(&m.to),
                    Esc(title),
                ),
            );
        }
        out.push_str("</tbody></table></div>");
        out
    }

    fn pages(&self) -> String {
        let link = |page: usize, text: &str| {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("channel", self.channel.map(Channel::as_str).unwrap_or_default())
                .append_pair("q", self.q)
                .append_pair("page", &page.to_string())
                .finish();
            format!("<a href=\"/?{}\">{text}</a>", Esc(query))
        };
        let newer = self.page.checked_sub(1).map(|page| link(page, "Newer")).unwrap_or_default();
        let older = if self.has_more { link(self.page.saturating_add(1), "Older") } else { String::new() };
        format!("<nav aria-label=\"Pages\">{newer}{older}</nav>")
    }
}

pub fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "E-mail",
        Channel::Sms => "SMS",
        Channel::Whatsapp => "WhatsApp",
        Channel::Push => "Push",
        Channel::Social => "Social",
    }
}

pub fn push(out: &mut String, text: std::fmt::Arguments) {
    out.push_str(&text.to_string());
}

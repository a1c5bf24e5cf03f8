//! What can be typed. Each noun's verbs are next to the code that does them.

use crate::{
    access, alerts, attachment, campaign, consent, contacts, demo, device, dlq, explain, hub, inbox, layout, list, optout, segment, sender,
    stats, template, topic, whatsapp_template, workspace,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// One message, many ways: email, SMS and WhatsApp campaigns from one hub.
#[derive(Debug, Parser)]
#[command(name = "fanfare", version)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Where the hub is, and as whom to speak to it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub json: bool,
    /// File that says where the services are [default: .fanfare/endpoints.json of this checkout]
    #[arg(long, global = true, env = "FANFARE_ENDPOINTS", value_name = "FILE")]
    pub endpoints: Option<PathBuf>,
    /// Bearer token or API key, instead of a token from the endpoints file
    #[arg(long, global = true, env = "FANFARE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Which token of the endpoints file to use
    #[arg(long, global = true, value_enum, default_value_t)]
    pub role: Role,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Edits drafts, lists and templates, reads figures
    Agent,
    /// All that, and approves, sends, pauses and cancels
    #[default]
    Admin,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the whole hub on this machine, with a sandbox in place of the providers, until Ctrl-C
    Up(hub::up::UpArgs),
    /// Send a campaign to 5,000 contacts through the sandbox, and check every figure
    Demo(demo::DemoArgs),
    /// The workspace that the token belongs to
    Workspace {
        #[command(subcommand)]
        verb: workspace::Verb,
    },
    /// People who can receive messages
    Contacts {
        #[command(subcommand)]
        verb: contacts::Verb,
    },
    /// Named sets of contacts
    List {
        #[command(subcommand)]
        verb: list::Verb,
    },
    /// Saved filters over contacts
    Segment {
        #[command(subcommand)]
        verb: segment::Verb,
    },
    /// Content with a variant for each channel
    Template {
        #[command(subcommand)]
        verb: template::Verb,
    },
    /// Templates that WhatsApp's providers keep: what may be sent there
    WhatsappTemplate {
        #[command(subcommand)]
        verb: whatsapp_template::Verb,
    },
    /// Files that e-mails carry: pictures for their HTML, and documents
    Attachment {
        #[command(subcommand)]
        verb: attachment::Verb,
    },
    /// HTML files that e-mails are set into
    Layout {
        #[command(subcommand)]
        verb: layout::Verb,
    },
    /// Provider accounts
    Sender {
        #[command(subcommand)]
        verb: sender::Verb,
    },
    /// What is sent, to whom, over which channels, when
    Campaign {
        #[command(subcommand)]
        verb: campaign::Verb,
    },
    /// Whether figures are what the log of events says
    Stats {
        #[command(subcommand)]
        verb: stats::Verb,
    },
    /// What became of one contact in one campaign, and why
    Explain(explain::ExplainArgs),
    /// What a person should know and perhaps do
    Alerts {
        #[command(subcommand)]
        verb: alerts::Verb,
    },
    /// What people said about being messaged, their preferences, and lists that ask for confirmation
    Consent {
        #[command(subcommand)]
        verb: consent::Verb,
    },
    /// What campaigns can be about, so that a person can leave one subject without leaving all
    Topic {
        #[command(subcommand)]
        verb: topic::Verb,
    },
    /// The apps and browsers of contacts that notifications go to
    Device {
        #[command(subcommand)]
        verb: device::Verb,
    },
    /// What people write to the senders, read and answered
    Inbox {
        #[command(subcommand)]
        verb: inbox::Verb,
    },
    /// Addresses that must not be messaged
    Optout {
        #[command(subcommand)]
        verb: optout::Verb,
    },
    /// Who may do what, the API keys of programs, and the log of who changed what
    Access {
        #[command(subcommand)]
        verb: access::Verb,
    },
    /// Broker messages that no service could handle, for those who run the hub
    Dlq {
        #[command(subcommand)]
        verb: dlq::Verb,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_may_follow_the_verb() {
        let cli = Cli::try_parse_from(["fanfare", "list", "list", "--json", "--role", "agent"]).unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.role, Role::Agent);
    }

    #[test]
    fn an_unknown_channel_is_refused_with_the_known_ones() {
        let error = Cli::try_parse_from(["fanfare", "template", "preview", "t", "--channel", "fax"]).unwrap_err();
        assert!(error.to_string().contains("use email, sms, whatsapp, push or social"), "{error}");
    }
}

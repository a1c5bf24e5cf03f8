//! What the sandbox's mail servers know and do besides taking mail.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// Public DKIM keys in the place of the DNS: `s1._domainkey.example.com` → `v=DKIM1; p=…`. Each letter's verdict is in the log.
    pub dkim_keys: BTreeMap<String, String>,
    /// Where letters that fail are returned to by SMTP, as DSNs: the hub's listener. Without it nobody hears of them.
    pub bounces_to: Option<SocketAddr>,
    /// By domain: so many letters are put off with `451 4.7.1` before the domain takes any.
    pub slow_domains: BTreeMap<String, u32>,
    /// SendGrid's suppression lists (`bounces`, `spam_reports`, `invalid_emails`, `unsubscribes`) → addresses.
    pub suppressions: BTreeMap<String, Vec<String>>,
}

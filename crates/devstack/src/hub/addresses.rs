//! Where the parts of a local hub listen.

use crate::ports::free_port;
use anyhow::Result;

/// Base URLs on 127.0.0.1, with no slash at their end.
#[derive(Debug, Clone)]
pub struct Addresses {
    pub campaign_api: String,
    pub scheduler: String,
    pub analytics: String,
    pub webhook_ingest: String,
    pub sandbox: String,
    pub sandbox_smtp_port: u16,
    /// Where webhook-ingest takes e-mails that come back.
    pub bounce_port: u16,
}

impl Addresses {
    pub(super) fn choose() -> Result<Self> {
        let base = || Ok::<_, anyhow::Error>(format!("http://127.0.0.1:{}", free_port()?));
        Ok(Self {
            campaign_api: base()?,
            scheduler: base()?,
            analytics: base()?,
            webhook_ingest: base()?,
            sandbox: base()?,
            sandbox_smtp_port: free_port()?,
            bounce_port: free_port()?,
        })
    }
}

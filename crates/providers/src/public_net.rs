//! The only way to a URL that a stranger named: a device's endpoint, a picture, a file that a provider points to.
//!
//! A connection is made to public addresses alone: names are resolved here and every other address is taken out of the answer, which is
//! then the one that is connected to, so that a second look-up can't bring another one; addresses in the URL itself are checked before.
//! Only https on its own port; no redirect is followed, no proxy asked.
//!
//! [`allow_private`] turns that off for a hub whose providers are stand-ins on the same machine. It is for the whole process, because what
//! is private is a matter of the network that it runs in.
//! Sources: the IANA special-purpose address registries (RFC 6890), RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo).

use crate::errors::{PERMANENT, RETRY};
use crate::{AccountError, Fault, http_client};
use http::{StatusCode, header::CONTENT_TYPE};
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};
use url::{Host, Url};

/// The variable that `main` reads for [`allow_private`].
pub const PRIVATE_NETWORKS: &str = "FANFARE_PRIVATE_NETWORKS";
/// Its value that allows them.
pub const ALLOW: &str = "allow";
/// What the adapters are tested against is on this machine.
static PRIVATE_ALLOWED: AtomicBool = AtomicBool::new(cfg!(test));

/// Whether private networks may be called, by providers' addresses in settings as by URLs of strangers. Once, from `main`.
pub fn allow_private(yes: bool) {
    PRIVATE_ALLOWED.store(yes, Ordering::Relaxed);
}

/// As [`allow_private`] said; no, unless it did.
pub(crate) fn private_allowed() -> bool {
    PRIVATE_ALLOWED.load(Ordering::Relaxed)
}

/// What was fetched.
#[derive(Clone, PartialEq, Eq)]
pub struct Fetched {
    pub bytes: Vec<u8>,
    /// As the server says, in lower case and without parameters.
    pub media_type: String,
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched").field("bytes", &self.bytes.len()).field("media_type", &self.media_type).finish()
    }
}

/// The client for such URLs, which are to be [`check`]ed first.
///
/// # Errors
/// When TLS can't be set up on this machine.
pub fn client() -> Result<Client, AccountError> {
    static CLIENT: OnceLock<Option<Client>> = OnceLock::new();
    let built = CLIENT.get_or_init(|| {
        let client = http_client::build_with(|builder| builder.no_proxy().dns_resolver(Arc::new(Public)));
        client.inspect_err(|error| tracing::error!(%error, "no HTTP client for public addresses")).ok()
    });
    built.clone().ok_or_else(http_client::no_tls)
}

/// Looks a URL over before it is called: https on port 443, a name or a public address, no user.
///
/// # Errors
/// A permanent fault, `bad_url` or `private_address`.
pub fn check(url: &Url) -> Result<(), Fault> {
    look_over(url, private_allowed())
}

fn look_over(url: &Url, private: bool) -> Result<(), Fault> {
    let bad = |detail| Err(Fault::new("bad_url", PERMANENT, detail));
    if !url.username().is_empty() || url.password().is_some() {
        return bad("a user or password in the URL");
    }
    if url.scheme() != "https" && !(private && url.scheme() == "http") {
        return bad("the URL isn't https");
    }
    if url.port().is_some() && !private {
        return bad("the URL names a port");
    }
    let address = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        Some(Host::Domain(name)) if name.trim_end_matches('.').is_empty() => return bad("the URL has no host"),
        Some(Host::Domain(_)) => return Ok(()),
        None => return bad("the URL has no host"),
    };
    if private || is_public(address) { Ok(()) } else { Err(Fault::new("private_address", PERMANENT, "the URL leads to a private network")) }
}

/// Fetches a file of at most `max_bytes` whose type (`image/png`) is one of `types`; none given: of any.
///
/// # Errors
/// `bad_url`, `private_address`, `too_large`, `wrong_type` and refusals are permanent; what may pass is to be tried again.
pub async fn fetch(url: &Url, max_bytes: usize, types: &[&str]) -> Result<Fetched, Fault> {
    check(url)?;
    let client = client().map_err(|_| Fault::new("tls", RETRY, "TLS can't be set up on this machine"))?;
    let fetch = async {
        let response = client.get(url.clone()).send().await.map_err(|_| Fault::new("connect", RETRY, "the file can't be fetched"))?;
        read(response, max_bytes, types).await
    };
    tokio::time::timeout(http_client::DEADLINE, fetch).await.unwrap_or_else(|_| Err(Fault::new("timeout", RETRY, "no file in time")))
}

async fn read(mut response: reqwest::Response, max_bytes: usize, types: &[&str]) -> Result<Fetched, Fault> {
    let status = response.status();
    if status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) {
        return Err(Fault::new(http_client::http_code(status), RETRY, "the file's server had an error"));
    }
    if !status.is_success() {
        return Err(Fault::new(http_client::http_code(status), PERMANENT, "the file can't be had (no redirect is followed)"));
    }
    let given = response.headers().get(CONTENT_TYPE).and_then(|given| given.to_str().ok()).unwrap_or_default();
    let media_type = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !types.is_empty() && !types.contains(&media_type.as_str()) {
        return Err(Fault::new("wrong_type", PERMANENT, "the file is of another type"));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Fault::new("reset", RETRY, "the file broke off"))? {
        if bytes.len() + chunk.len() > max_bytes {
            return Err(Fault::new("too_large", PERMANENT, "the file is too large"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Fetched { bytes, media_type })
}

/// Resolves names to public addresses only.
#[derive(Debug)]
pub(crate) struct Public;

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses = kept(found, private_allowed());
            if addresses.is_empty() {
                return Err("the name leads to no public address".into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// One private address among them spoils the name: whoever mixes them means to be let in by chance.
fn kept(found: impl Iterator<Item = SocketAddr>, private: bool) -> Vec<SocketAddr> {
    let found: Vec<_> = found.collect();
    if private || found.iter().all(|address| is_public(address.ip())) { found } else { Vec::new() }
}

/// Whether an address is one of the public internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || ip.is_broadcast()
        // This network; shared (carrier-grade NAT); protocol assignments; 6to4 relays; benchmarks; reserved.
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    // Addresses that stand for a v4 one are as public as that one.
    let inner = match segments {
        // ::ffff:a.b.c.d, and the deprecated ::a.b.c.d, which :: and ::1 are among.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(v4(high, low)),
        // NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        // 6to4.
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    };
    if let Some(inner) = inner {
        return is_public_v4(inner);
    }
    // Global unicast alone (RFC 4291, 2.4), without protocol assignments (2001::/23, Teredo among them), documentation
    // (2001:db8::/32 and 3fff::/20).
    let global = segments[0] & 0xe000 == 0x2000;
    let assignments = segments[0] == 0x2001 && segments[1] < 0x200;
    let documentation = (segments[0] == 0x2001 && segments[1] == 0xdb8) || (segments[0] == 0x3fff && segments[1] < 0x1000);
    global && !assignments && !documentation
}

const fn v4(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
#[path = "public_net_tests.rs"]
mod tests;

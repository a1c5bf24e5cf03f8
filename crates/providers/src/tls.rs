//! TLS as every adapter uses it: rustls with ring.

use rustls::{ClientConfig, RootCertStore, crypto, pki_types::CertificateDer};
use std::sync::Arc;

/// Makes ring the process's TLS provider unless `main` has chosen one already.
pub(crate) fn install() {
    if crypto::CryptoProvider::get_default().is_none() {
        // Losing the race to another thread is as good as winning it.
        drop(crypto::ring::default_provider().install_default());
    }
}

/// TLS that trusts the public authorities built into this program, and `extra` ones.
///
/// # Errors
/// When an extra certificate can't be read.
pub(crate) fn bundled(extra: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in extra {
        roots.add(certificate.clone())?;
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

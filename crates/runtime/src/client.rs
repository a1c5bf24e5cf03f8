//! Calling another service of the hub: a channel with limits, and what each call carries.

use crate::{config::Secret, traceparent};
use std::{str::FromStr as _, time::Duration};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue, errors::InvalidMetadataValue},
    service::Interceptor,
    transport::{Channel, Endpoint},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A channel that connects at its first call and reconnects by itself. A call takes at most 10 s.
///
/// # Errors
/// When the URL can't be read.
pub fn channel(url: &str) -> Result<Channel, tonic::transport::Error> {
    channel_within(url, CALL_TIMEOUT)
}

/// The same for calls that may take as long as `limit`.
///
/// # Errors
/// When the URL can't be read.
pub fn channel_within(url: &str, limit: Duration) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_str(url)?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(limit)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(CONNECT_TIMEOUT);
    Ok(endpoint.connect_lazy())
}

/// Adds the bearer token and the current traceparent to each call.
#[derive(Debug, Clone)]
pub struct Outgoing {
    authorization: MetadataValue<Ascii>,
}

impl Outgoing {
    /// # Errors
    /// When the token has characters that a header can't carry.
    pub fn new(token: &Secret) -> Result<Self, InvalidMetadataValue> {
        let mut authorization = MetadataValue::try_from(format!("Bearer {}", &**token))?;
        authorization.set_sensitive(true);
        Ok(Self { authorization })
    }
}

impl Interceptor for Outgoing {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.authorization.clone());
        if let Ok(value) = MetadataValue::try_from(traceparent::current())
            && !value.is_empty()
        {
            request.metadata_mut().insert(traceparent::HEADER, value);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_carries_the_token_unlogged() {
        let request = Outgoing::new(&Secret::from("abc")).unwrap().call(Request::new(())).unwrap();
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer abc");
        assert!(!format!("{request:?}").contains("abc"));
        assert!(request.metadata().get("traceparent").is_none());
    }

    #[test]
    fn a_token_with_a_line_break_is_refused() {
        assert!(Outgoing::new(&Secret::from("abc\r\nx: y")).is_err());
    }
}

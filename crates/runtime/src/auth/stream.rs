//! An open stream ends when its caller may not call any more: its token has expired, its key was revoked, its rights have changed.
//!
//! A call is checked as it comes; a stream may stay for days, so it is checked again and again while it waits.

use super::{Authenticator, Caller, Refusal};
use crate::status;
use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tonic::Status;

/// How often the caller of an open stream is checked.
pub(super) const EVERY: Duration = Duration::from_secs(10);

/// Who called, and by what that was seen.
#[derive(Clone)]
pub(super) struct Watch {
    pub(super) authenticator: Authenticator,
    /// The headers with the credential, and no others.
    pub(super) credential: HeaderMap,
    pub(super) caller: Caller,
    pub(super) every: Duration,
}

impl Watch {
    /// Watches over the answer for as long as it takes.
    pub(super) fn over(self, response: Response) -> Response {
        if response.body().is_end_stream() {
            return response;
        }
        response.map(|body| {
            Body::new(Watched { inner: Some(body), refused: None, watch: Some(Box::new(move || self.until_refused().boxed())) })
        })
    }

    /// Ends when the caller would not be let in any more.
    pub(super) async fn until_refused(self) -> Status {
        loop {
            tokio::time::sleep(self.every).await;
            match self.authenticator.caller_of(&self.credential).await {
                Ok(caller) if caller == self.caller => {}
                Ok(_) => return status::denied("RIGHTS_CHANGED", "your rights have changed: call again"),
                // Whoever can't be checked isn't refused for that.
                Err(Refusal::KeysUnavailable | Refusal::PeopleUnavailable) => {}
                Err(refusal) => return refusal.into(),
            }
        }
    }
}

type Start = Box<dyn FnOnce() -> BoxFuture<'static, Status> + Send>;

/// An answer's body. Most answers are there at once; only one that waits is watched.
struct Watched {
    inner: Option<Body>,
    refused: Option<BoxFuture<'static, Status>>,
    watch: Option<Start>,
}

impl Watched {
    fn poll_refused(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        match &mut self.refused {
            Some(refused) => refused.as_mut().poll(context),
            None => Poll::Pending,
        }
    }

    fn cut(&mut self, status: &Status) -> Option<Frame<Bytes>> {
        self.inner = None;
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers).ok()?;
        Some(Frame::trailers(trailers))
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.inner.is_some()
            && let Poll::Ready(status) = self.poll_refused(context)
        {
            return Poll::Ready(self.cut(&status).map(Ok));
        }
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(context) {
            return Poll::Ready(frame);
        }
        if let Some(start) = self.watch.take() {
            self.refused = Some(start());
            // Asked once, so that it wakes us.
            if let Poll::Ready(status) = self.poll_refused(context) {
                return Poll::Ready(self.cut(&status).map(Ok));
            }
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{
        channel::{mpsc, oneshot},
        future::poll_fn,
    };
    use tonic::Code;

    /// The next frame if it is there: its data, or the status of its trailers; None at the end.
    fn next(body: &mut Watched) -> Option<Option<Result<Bytes, Code>>> {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).now_or_never()?;
        Some(frame.map(|frame| {
            frame.unwrap().into_data().map_err(|frame| Status::from_header_map(frame.trailers_ref().unwrap()).unwrap().code())
        }))
    }

    #[tokio::test]
    async fn a_stream_runs_until_its_caller_is_refused() {
        let (sender, receiver) = mpsc::unbounded::<Result<Bytes, axum::Error>>();
        let (refuse, refused) = oneshot::channel::<()>();
        let start: Start = Box::new(move || {
            let refused = async move {
                refused.await.unwrap();
                Status::unauthenticated("no longer")
            };
            refused.boxed()
        });
        let mut body = Watched { inner: Some(Body::from_stream(receiver)), refused: None, watch: Some(start) };
        sender.unbounded_send(Ok(Bytes::from("a"))).unwrap();
        assert_eq!(next(&mut body), Some(Some(Ok(Bytes::from("a")))));
        assert!(body.refused.is_none(), "nobody watches what doesn't wait");
        assert_eq!(next(&mut body), None);
        sender.unbounded_send(Ok(Bytes::from("b"))).unwrap();
        assert_eq!(next(&mut body), Some(Some(Ok(Bytes::from("b")))));
        refuse.send(()).unwrap();
        sender.unbounded_send(Ok(Bytes::from("c"))).unwrap();
        assert_eq!(next(&mut body), Some(Some(Err(Code::Unauthenticated))));
        assert!(body.is_end_stream() && sender.is_closed(), "the handler's stream is dropped");
        assert_eq!(next(&mut body), Some(None));
    }
}

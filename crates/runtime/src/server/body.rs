//! The answer's body, watched: it ends at shutdown when it would wait, and tells how it ended.

use super::rpc::Call;
use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Code, Status};

/// A stream that has nothing to send when the service ends is cut with UNAVAILABLE, upon which clients connect anew; what
/// is ready to be sent still is. No handler can forget it.
pub(super) struct Ended {
    inner: Option<Body>,
    ending: Pin<Box<WaitForCancellationFutureOwned>>,
    call: Option<Call>,
    code: Option<Code>,
}

impl Ended {
    pub(super) fn new(inner: Body, ending: CancellationToken, call: Option<Call>, code: Option<Code>) -> Self {
        let mut ended = Self { inner: Some(inner), ending: Box::pin(ending.cancelled_owned()), call, code };
        if ended.is_end_stream() {
            ended.finish();
        }
        ended
    }

    fn finish(&mut self) {
        if let Some(call) = self.call.take() {
            // Neither header nor trailer said how it ended: its receiver has left, or it broke.
            call.end(self.code.unwrap_or(Code::Cancelled));
        }
    }

    fn poll_inner(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        let _entered = self.call.as_ref().map(|call| call.span().enter());
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(context) {
            return Poll::Ready(frame);
        }
        match self.ending.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(last_frame().map(Ok)),
        }
    }
}

fn last_frame() -> Option<Frame<Bytes>> {
    let status = crate::status::unavailable_unlogged("SHUTTING_DOWN", "the service is ending: connect again");
    let mut trailers = http::HeaderMap::new();
    status.add_header(&mut trailers).ok()?;
    Some(Frame::trailers(trailers))
}

impl HttpBody for Ended {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Poll::Ready(frame) = self.poll_inner(context) else { return Poll::Pending };
        // Trailers are the last frame of a gRPC answer; the stream behind a cut one must not run on.
        match &frame {
            Some(Ok(data)) if data.is_data() => return Poll::Ready(frame),
            Some(Ok(last)) => self.code = last.trailers_ref().and_then(Status::from_header_map).map(|status| status.code()),
            Some(Err(_)) => self.code = Some(Code::Unknown),
            None => {}
        }
        self.inner = None;
        self.finish();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt as _, channel::mpsc, future::poll_fn};

    type Sender = mpsc::UnboundedSender<Result<Bytes, axum::Error>>;

    fn body(ending: &CancellationToken) -> (Sender, Ended) {
        let (sender, receiver) = mpsc::unbounded();
        (sender, Ended::new(Body::from_stream(receiver), ending.clone(), None, None))
    }

    /// The next frame if it is there: its data, or the status of its trailers.
    fn next(body: &mut Ended) -> Option<Result<Bytes, Code>> {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).now_or_never()??.unwrap();
        Some(frame.into_data().map_err(|frame| Status::from_header_map(frame.trailers_ref().unwrap()).unwrap().code()))
    }

    #[tokio::test]
    async fn what_is_ready_is_sent_before_the_cut() {
        let ending = CancellationToken::new();
        let (sender, mut body) = body(&ending);
        sender.unbounded_send(Ok(Bytes::from("a"))).unwrap();
        ending.cancel();
        assert_eq!(next(&mut body), Some(Ok(Bytes::from("a"))));
        assert_eq!(next(&mut body), Some(Err(Code::Unavailable)));
        assert!(body.is_end_stream());
        assert!(sender.is_closed(), "the handler's stream is dropped");
    }

    #[tokio::test]
    async fn a_stream_runs_on_until_then() {
        let ending = CancellationToken::new();
        let (sender, mut body) = body(&ending);
        assert_eq!(next(&mut body), None);
        sender.unbounded_send(Ok(Bytes::from("a"))).unwrap();
        drop(sender);
        assert_eq!(next(&mut body), Some(Ok(Bytes::from("a"))));
        let end = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).now_or_never().unwrap();
        assert!(end.is_none());
    }
}

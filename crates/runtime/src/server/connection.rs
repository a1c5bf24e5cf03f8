//! Accepts connections and bounds what each may cost: no client can hold one by saying nothing, or by saying it slowly.

use axum::{Router, body::Body};
use bytes::Bytes;
use http::Request;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use std::{
    convert::Infallible,
    net::IpAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::shutdown::Shutdown;

/// The other end of the connection that a request came by: a proxy's address, where there is one in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// What a connection may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// At once; more wait in the kernel's queue.
    pub(super) connections: usize,
    /// From accepting a connection to the end of its first request's header.
    pub(super) first_request: Duration,
    /// HTTP/1: from the end of an answer to the end of the next request's header.
    pub(super) next_header: Duration,
    /// HTTP/2: without any request under way.
    pub(super) idle: Duration,
    /// Between two pings to an HTTP/2 client, and to the answer.
    pub(super) ping: Duration,
    pub(super) http2_streams: u32,
    pub(super) header_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            first_request: Duration::from_secs(10),
            next_header: Duration::from_secs(20),
            idle: Duration::from_secs(300),
            ping: Duration::from_secs(20),
            http2_streams: 256,
            header_bytes: 16 * 1024,
        }
    }
}

/// How long a connection that was told to close may take when nothing is under way.
pub(super) const CLOSING: Duration = Duration::from_secs(2);
/// Out of file descriptors, for example: trying at once again would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn serve(listener: TcpListener, app: Router, limits: Limits, shutdown: &Shutdown) {
    let (slots, connections) = (Arc::new(Semaphore::new(limits.connections)), TaskTracker::new());
    let builder = Arc::new(builder(&limits));
    loop {
        let next = async { (Arc::clone(&slots).acquire_owned().await, listener.accept().await) };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = shutdown.ended() => break,
        };
        match accepted {
            (Ok(slot), Ok((stream, peer))) => {
                let client = (stream, Peer(peer.ip()));
                connections.spawn(hold(client, Arc::clone(&builder), app.clone(), limits, shutdown.clone(), slot));
            }
            (_, Err(error)) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
            (Err(_), _) => break,
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.next_header);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.ping)
        .keep_alive_timeout(limits.ping)
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(limits.header_bytes);
    builder
}

/// Serves one connection until its client, a limit or the shutdown ends it.
async fn hold(
    (stream, peer): (TcpStream, Peer),
    builder: Arc<Builder<TokioExecutor>>,
    app: Router,
    limits: Limits,
    shutdown: Shutdown,
    _slot: OwnedSemaphorePermit,
) {
    // Without it small answers wait for the client's delayed acks; where it fails, they do.
    drop(stream.set_nodelay(true));
    let activity = Arc::new(Activity::default());
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let (app, busy) = (app.clone(), Busy::new(&activity));
        async move {
            let response = app.oneshot(request.map(Body::new)).await.unwrap_or_else(|never: Infallible| match never {});
            Ok::<_, Infallible>(response.map(|inner| Held { inner, _busy: busy }))
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            // An error here is the client's: it left, or it spoke no HTTP.
            _ = connection.as_mut() => return,
            () = sleep_until(activity.deadline(&limits)) => if activity.is_overdue(&limits) { break },
            () = shutdown.ended() => break,
        }
    }
    connection.as_mut().graceful_shutdown();
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = shutdown.hard().cancelled_owned() => return,
            () = sleep(CLOSING) => if activity.is_idle_for(CLOSING) { return },
        }
    }
}

/// What goes on in a connection.
struct Activity(Mutex<State>);

struct State {
    requests: u64,
    under_way: usize,
    /// When the last one ended; at first, when the connection began.
    idle_since: Instant,
}

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new(State { requests: 0, under_way: 0, idle_since: Instant::now() }))
    }
}

impl Activity {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// When to look whether it is overdue.
    fn deadline(&self, limits: &Limits) -> Instant {
        self.with(|state| match (state.under_way, state.requests) {
            (0, 0) => state.idle_since + limits.first_request,
            (0, _) => state.idle_since + limits.idle,
            _ => Instant::now() + limits.idle,
        })
    }

    fn is_overdue(&self, limits: &Limits) -> bool {
        self.with(|state| {
            let limit = if state.requests == 0 { limits.first_request } else { limits.idle };
            state.under_way == 0 && state.idle_since.elapsed() >= limit
        })
    }

    fn is_idle_for(&self, duration: Duration) -> bool {
        self.with(|state| state.under_way == 0 && state.idle_since.elapsed() >= duration)
    }
}

/// Counts as one request while it lives.
struct Busy(Arc<Activity>);

impl Busy {
    fn new(activity: &Arc<Activity>) -> Self {
        activity.with(|state| {
            state.requests += 1;
            state.under_way += 1;
        });
        Self(Arc::clone(activity))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.with(|state| {
            state.under_way -= 1;
            state.idle_since = Instant::now();
        });
    }
}

/// A body that keeps its request counted until it has been sent.
struct Held {
    inner: Body,
    _busy: Busy,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

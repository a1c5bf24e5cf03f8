//! Ending in order: a soft token (take no new work), then a hard one (let go of what is left).

use anyhow::anyhow;
use std::{future::Future, io, sync::Arc, time::Duration};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;

/// From the signal to the end of the work, whatever is still under way. The process ends within 20 s (M2): the rest is for telemetry.
pub const DRAIN: Duration = Duration::from_secs(18);

/// How long a step rests that has failed.
const FAILED: Duration = Duration::from_secs(1);

/// The two moments of an ending. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Shutdown {
    /// An ending that [`Shutdown::begin`] starts; `drain` later the hard token fires. Needs a tokio runtime.
    #[must_use]
    pub fn new(drain: Duration) -> Self {
        let shutdown = Self { soft: CancellationToken::new(), hard: CancellationToken::new() };
        let (soft, hard) = (shutdown.soft.clone(), shutdown.hard.clone());
        tokio::spawn(async move {
            soft.cancelled().await;
            tokio::select! {
                () = tokio::time::sleep(drain) => hard.cancel(),
                () = hard.cancelled() => {}
            }
        });
        shutdown
    }

    /// An ending that SIGTERM or SIGINT starts; a second signal ends the drain.
    ///
    /// # Errors
    /// When the process can't listen to signals.
    pub fn on_signals() -> io::Result<Self> {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let shutdown = Self::new(DRAIN);
        let begun = shutdown.clone();
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            tracing::info!("signal received: draining");
            begun.begin();
            either(&mut terminate, &mut interrupt).await;
            tracing::warn!("second signal: giving up the drain");
            begun.hard.cancel();
        });
        Ok(shutdown)
    }

    /// Fires when no new work is to be taken.
    #[must_use]
    pub fn soft(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Fires when what is left is to be let go.
    #[must_use]
    pub fn hard(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Starts the ending.
    pub fn begin(&self) {
        self.soft.cancel();
    }

    /// Whether the ending has started.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Waits until the ending starts.
    pub async fn ended(&self) {
        self.soft.cancelled().await;
    }

    /// Runs a step again and again until the ending starts: at once while it finds work, else when woken, and at least every `idle`.
    /// A failure is logged and tried again after a second, or after `idle` if that is longer: for steps whose truth is in the
    /// database, so that nothing is lost by it.
    pub async fn repeat<S>(self, name: &'static str, idle: Duration, wake: Arc<Notify>, mut step: S)
    where
        S: AsyncFnMut() -> anyhow::Result<bool>,
    {
        while !self.is_ending() {
            let wait = match step().await {
                Ok(true) => continue,
                Ok(false) => idle,
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), step = name, "a step failed; trying again");
                    idle.max(FAILED)
                }
            };
            self.soft.run_until_cancelled(tokio::time::timeout(wait, wake.notified())).await;
        }
    }

    /// Waits for a piece of work, at most until the hard token fires.
    ///
    /// # Errors
    /// When the work outlasts the drain; it is dropped then.
    pub async fn bounded<F: Future>(&self, work: F) -> anyhow::Result<F::Output> {
        tokio::select! {
            biased;
            output = work => Ok(output),
            () = self.hard.cancelled() => Err(anyhow!("not everything ended within the drain deadline")),
        }
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_ends_in_time_is_not_cut() {
        let shutdown = Shutdown::new(DRAIN);
        shutdown.begin();
        let soft = shutdown.soft();
        assert!(shutdown.bounded(async move { soft.is_cancelled() }).await.unwrap());
    }

    #[tokio::test]
    async fn work_that_hangs_is_dropped_at_the_deadline() {
        let shutdown = Shutdown::new(Duration::from_millis(20));
        let begun = shutdown.clone();
        let hang = async move {
            begun.begin();
            std::future::pending::<()>().await;
        };
        assert!(shutdown.bounded(hang).await.is_err());
    }

    #[tokio::test]
    async fn a_step_is_repeated_until_the_ending_starts_whether_it_fails_finds_work_or_none() {
        let (shutdown, mut steps) = (Shutdown::new(DRAIN), 0);
        let step = async || {
            steps += 1;
            match steps {
                1 => Ok(true),
                2 => Ok(false),
                3 => Err(anyhow!("a step's failure")),
                _ => {
                    shutdown.begin();
                    Ok(true)
                }
            }
        };
        shutdown.clone().repeat("step", Duration::from_millis(1), Arc::default(), step).await;
        assert_eq!(steps, 4);
    }

    #[tokio::test]
    async fn nothing_is_cut_before_the_ending_starts() {
        let shutdown = Shutdown::new(Duration::ZERO);
        assert!(!shutdown.is_ending());
        tokio::task::yield_now().await;
        assert!(!shutdown.hard().is_cancelled());
        shutdown.begin();
        shutdown.hard().cancelled().await;
    }
}

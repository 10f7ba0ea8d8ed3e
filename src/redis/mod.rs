//! Redis, as far as a cache needs it: commands that are answered soon or not at all.
//!
//! [`Redis::ask`] is the one way to it. It waits no longer than a set time, and not at all while Redis is away: a
//! [`keeper`] in the background looks for it again and puts a fresh connection into place. What is asked for is the
//! business of whoever asks; nothing here knows what is cached.

mod connect;
mod keeper;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ::redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind};
use tokio::sync::{Notify, Semaphore};

use crate::config::redis::Redis as Config;
use crate::telemetry::metrics::{RedisMetrics, RedisOperation};
use connect::Target;
use keeper::Slot;
use settings::Settings;

/// How often, at most, it is logged that Redis refuses commands.
const REFUSALS_LOGGED_EVERY: Duration = Duration::from_secs(300);

/// Why Redis cannot be used at all: one sentence that names the key and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

/// Why a question has no answer. Whoever asked goes on without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Redis is away, or was too slow. Nobody waits for it until it is back.
    Away,
    /// Too many commands are under way.
    Busy,
    /// Redis is there, and refuses this command or gives an answer that makes no sense.
    Refused,
}

/// A handle to Redis. Clones share one connection.
#[derive(Clone)]
pub struct Redis(Arc<Shared>);

struct Shared {
    target: Target,
    settings: Settings,
    metrics: RedisMetrics,
    slot: Slot,
    turns: Semaphore,
    /// Wakes the keeper.
    lost: Arc<Notify>,
    /// The last use, and the last refusal in the log, in milliseconds since `started`; 0 is never.
    used: AtomicU64,
    refusal_logged: AtomicU64,
    started: Instant,
}

impl Redis {
    /// A handle for this configuration; a task looks after the connection for as long as a handle is left. Nothing has been
    /// sent when this returns, and Redis need not be there.
    ///
    /// # Errors
    /// Addresses that are none, and files of certificates that can't be used.
    pub async fn open(config: &Config, metrics: RedisMetrics) -> Result<Self, OpenError> {
        let settings = Settings::from_config(config);
        let target = Target::from_config(config)?;
        // What is wrong with a file is told now; at every connection they are read again.
        target.certificates().await.map_err(OpenError)?;
        let shared = Arc::new(Shared {
            target,
            metrics,
            slot: Slot::default(),
            turns: Semaphore::new(settings.commands_max),
            settings,
            lost: Arc::default(),
            used: AtomicU64::new(0),
            refusal_logged: AtomicU64::new(0),
            started: Instant::now(),
        });
        tokio::spawn(keeper::keep(Arc::downgrade(&shared), Arc::clone(&shared.lost)));
        Ok(Self(shared))
    }

    /// Where it is, for people. Holds no secret.
    pub fn place(&self) -> &str {
        self.0.target.place()
    }

    /// Whether it answered when it was last asked.
    pub fn is_there(&self) -> bool {
        self.0.slot.get().is_some()
    }

    /// Waits until it is there, no longer than it may take to connect. Whether it is.
    pub async fn wait(&self) -> bool {
        let until = Instant::now() + self.0.settings.connect_time_max;
        while !self.is_there() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.is_there()
    }

    /// Sends one command. Waits no longer than `redis.readtimeout`, and not at all while Redis is away.
    ///
    /// # Errors
    /// Whatever is wrong, the reason is logged and counted here.
    pub async fn ask<T: FromRedisValue>(&self, operation: RedisOperation, command: &Cmd) -> Result<T, Failure> {
        let shared = &*self.0;
        let Some((connection, made)) = shared.slot.get() else { return Err(Failure::Away) };
        let begun = Instant::now();
        shared.used.store(shared.millis(begun), Ordering::Relaxed);
        let patience = shared.settings.patience;
        let turn = tokio::time::timeout(shared.settings.turn_patience, shared.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(Failure::Busy) };
        let left = patience.saturating_sub(begun.elapsed());
        let answer = tokio::time::timeout(left, connection.send(command)).await;
        shared.metrics.finish(operation, begun.elapsed());
        let reason = match answer {
            Ok(Ok(value)) => {
                return ::redis::from_redis_value::<T>(value).map_err(|error| shared.refused(&error.into()));
            }
            Ok(Err(error)) if is_away(&error) => describe(&error),
            Ok(Err(error)) => return Err(shared.refused(&error)),
            Err(_) => format!("no answer within {patience:?}"),
        };
        shared.lose(made, &reason);
        Err(Failure::Away)
    }
}

impl Shared {
    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.started).as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Takes a connection out of use and says so once; the keeper makes another.
    fn lose(&self, made: u64, reason: &str) {
        if self.slot.take(made) {
            self.metrics.set_up(false);
            let place = self.target.place();
            tracing::warn!(reason, "Redis at {place} is away: the storage is asked until it returns");
            self.lost.notify_one();
        }
    }

    /// Notes that Redis refused a command. Logged now and then only: whoever sends one such command sends many.
    fn refused(&self, error: &RedisError) -> Failure {
        let now = self.millis(Instant::now());
        let logged = self.refusal_logged.load(Ordering::Relaxed);
        let due = logged == 0 || now.saturating_sub(logged) >= REFUSALS_LOGGED_EVERY.as_millis() as u64;
        let first = || self.refusal_logged.compare_exchange(logged, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if due && first() {
            let (place, reason) = (self.target.place(), describe(error));
            tracing::warn!(reason, "Redis at {place} refuses a command: the storage is asked instead");
        }
        Failure::Refused
    }
}

/// Whether an error means that this connection is of no use now, rather than that one command was wrong.
fn is_away(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(kind) => matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::TryAgain
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask
        ),
        ErrorKind::UnexpectedReturnType | ErrorKind::Extension => false,
        _ => true,
    }
}

/// An error for people: what Redis said, and the mend where it is known.
fn describe(error: &RedisError) -> String {
    let mend = match error.kind() {
        ErrorKind::AuthenticationFailed => "; check redis.username and redis.password",
        ErrorKind::MasterNameNotFoundBySentinel => "; check redis.mastername",
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            "; give the user these commands: hget, hset, hsetnx, hdel, sadd, srem, pexpire, persist, eval"
        }
        _ if error.code() == Some("NOAUTH") => "; set redis.password",
        _ => "",
    };
    format!("{error}{mend}")
}

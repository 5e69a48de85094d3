//! What the app is given from outside: the engine and the clock, as traits so that tests can stand in for them.

use std::sync::Arc;

use crate::answer::{Ask, Candidate, Engine, Outcome};
use crate::kb::Snapshot;

/// The engine as the app sees it. Total: it never fails, at worst it hands off.
pub trait Answerer: Send + Sync {
    /// Decides what to do with a question. CPU-bound, about a millisecond.
    fn answer(&self, ask: &Ask<'_>) -> Outcome;

    /// What it answers from.
    fn snapshot(&self) -> &Arc<Snapshot>;

    /// The entries nearest to `query`, best first, at most `limit`.
    fn search(&self, query: &str, limit: usize) -> Vec<Candidate>;
}

impl Answerer for Engine {
    fn answer(&self, ask: &Ask<'_>) -> Outcome {
        Engine::answer(self, ask)
    }

    fn snapshot(&self) -> &Arc<Snapshot> {
        Engine::snapshot(self)
    }

    fn search(&self, query: &str, limit: usize) -> Vec<Candidate> {
        Engine::search(self, query, limit)
    }
}

/// The time. A trait, so that tests can set it.
pub trait Clock: Send + Sync {
    /// UTC milliseconds since 1970.
    fn now_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond()
    }
}

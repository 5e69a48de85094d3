//! What the app is given from outside: the engine and the clock, as traits so that tests can stand in for them.

use std::sync::Arc;

use crate::answer::{Ask, Candidate, Context, Decision, Engine, HandOff, Outcome, Trace};
use crate::kb::{HandOffReason, Priority, Snapshot};
use crate::publish::{Press, Workshop};
use crate::text::{Analyzer, Vocabulary};

/// The engine as the app sees it. Total: it never fails, at worst it hands off.
pub trait Answerer: Send + Sync {
    /// Decides what to do with a question. CPU-bound, about a millisecond.
    fn answer(&self, ask: &Ask<'_>) -> Outcome;

    /// What it answers from.
    fn snapshot(&self) -> &Arc<Snapshot>;

    /// The entries nearest to `query`, best first, at most `limit`.
    fn search(&self, query: &str, limit: usize) -> Vec<Candidate>;

    /// The embedding of a text, of length 1 or all zeros; `None` without a model.
    fn embed(&self, _text: &str) -> Option<Vec<f32>> {
        None
    }
}

/// Runs `work` with the engine. Where that waits for a transformer, the runtime's other tasks go on elsewhere meanwhile.
fn aside<T>(engine: &Engine, work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    let has_others =
        || Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if engine.waits() && has_others() { tokio::task::block_in_place(work) } else { work() }
}

impl Answerer for Engine {
    fn answer(&self, ask: &Ask<'_>) -> Outcome {
        aside(self, || Engine::answer(self, ask))
    }

    fn snapshot(&self) -> &Arc<Snapshot> {
        Engine::snapshot(self)
    }

    fn search(&self, query: &str, limit: usize) -> Vec<Candidate> {
        aside(self, || Engine::search(self, query, limit))
    }

    fn embed(&self, text: &str) -> Option<Vec<f32>> {
        Engine::embed(self, text)
    }
}

/// Stands where the engine would be before the first one is built, and in commands that need none.
#[derive(Debug, Default)]
pub struct Closed(Arc<Snapshot>);

impl Answerer for Closed {
    fn answer(&self, _: &Ask<'_>) -> Outcome {
        let hand_off = HandOff {
            reason: HandOffReason::Unavailable,
            priority: Priority::Normal,
            queue: String::new(),
            wording: String::new(),
        };
        Outcome {
            decision: Decision::HandOff(hand_off),
            trace: Trace::default(),
            context: Context::default(),
        }
    }

    fn snapshot(&self) -> &Arc<Snapshot> {
        &self.0
    }

    fn search(&self, _: &str, _: usize) -> Vec<Candidate> {
        Vec::new()
    }
}

/// Builds what customers are served from. Slow and CPU-bound: the app calls it aside.
pub trait Publisher: Send + Sync {
    /// An answerer that serves `snapshot`, to replace the one in service.
    ///
    /// # Errors
    /// Why it cannot be built; the one in service stays.
    fn build(&self, snapshot: Snapshot) -> anyhow::Result<Arc<dyn Answerer>>;

    /// The same for trying out: nothing of it is kept on disk.
    ///
    /// # Errors
    /// As [`Publisher::build`].
    fn build_trial(&self, snapshot: Snapshot) -> anyhow::Result<Arc<dyn Answerer>>;

    /// What would read texts with this vocabulary, without anything to find in them.
    ///
    /// # Errors
    /// Why it cannot be made.
    fn analyzer(&self, _vocabulary: &Vocabulary) -> anyhow::Result<Arc<Analyzer>> {
        anyhow::bail!("there is no dictionary")
    }

    /// Which configured models are in use and which are not, and why.
    fn models(&self) -> ModelsInUse {
        ModelsInUse::default()
    }

    /// How many entries of how many the build under way has done; `None` where that is not counted.
    fn progress(&self) -> Option<(usize, usize)> {
        None
    }

    /// Whether building again would serve the same better, because something was learned aside.
    fn is_renewed(&self) -> bool {
        false
    }
}

/// What became of the models an operator configured; both lists are empty where none is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelsInUse {
    /// A line for each in use.
    pub used: Vec<String>,
    /// Why one is not used, and what to do.
    pub unused: Vec<String>,
}

impl Publisher for Press {
    fn build(&self, snapshot: Snapshot) -> anyhow::Result<Arc<dyn Answerer>> {
        Ok(Arc::new(self.publish(snapshot)?))
    }

    fn build_trial(&self, snapshot: Snapshot) -> anyhow::Result<Arc<dyn Answerer>> {
        Ok(Arc::new(self.try_out(snapshot)?))
    }

    fn analyzer(&self, vocabulary: &Vocabulary) -> anyhow::Result<Arc<Analyzer>> {
        self.workshop().analyzer(vocabulary)
    }

    fn models(&self) -> ModelsInUse {
        self.workshop().models()
    }

    fn progress(&self) -> Option<(usize, usize)> {
        Some(self.workshop().progress.now()).filter(|(_, all)| *all > 0)
    }

    fn is_renewed(&self) -> bool {
        Press::is_renewed(self)
    }
}

/// Builds whole, and returns when everything is learned: for commands, which end then.
impl Publisher for Workshop {
    fn build(&self, snapshot: Snapshot) -> anyhow::Result<Arc<dyn Answerer>> {
        Ok(Arc::new(self.engine_of(snapshot)?))
    }

    fn build_trial(&self, snapshot: Snapshot) -> anyhow::Result<Arc<dyn Answerer>> {
        Publisher::build(&Workshop { index: None, ..self.clone() }, snapshot)
    }

    fn models(&self) -> ModelsInUse {
        ModelsInUse { used: self.tier.in_use(), unused: self.tier.notes.clone() }
    }

    fn analyzer(&self, vocabulary: &Vocabulary) -> anyhow::Result<Arc<Analyzer>> {
        Ok(Arc::new(Analyzer::open_default(&self.dictionaries, vocabulary)?))
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

//! The [`Press`]: publishes one desk again and again. Keeps the base in memory, brings it up to each new snapshot, and
//! makes a new one aside when the desk has outgrown it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::base::Base;
use super::{Learned, Progress, Tools, Workshop};
use crate::answer::Engine;
use crate::kb::Snapshot;

/// Desks with more entries are not adapted before they are served for the first time, but while.
const PATIENT: usize = 2_000;

/// Publishes one desk. Clones share everything.
#[derive(Clone)]
pub struct Press {
    workshop: Workshop,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    base: Mutex<Option<Arc<Base>>>,
    /// Held while a base is written: there is one place for it.
    writing: Mutex<()>,
    /// A new base is being made.
    is_renewing: AtomicBool,
    /// There is a new base that nothing was published from yet.
    is_renewed: AtomicBool,
}

impl Press {
    /// A press for the desk that `workshop` builds.
    pub fn new(workshop: Workshop) -> Self {
        Self { workshop, state: Arc::default() }
    }

    /// The engine that serves `snapshot`.
    ///
    /// # Errors
    /// As [`Workshop::engine`].
    pub fn publish(&self, snapshot: Snapshot) -> anyhow::Result<Engine> {
        let snapshot = self.shared(snapshot);
        self.state.is_renewed.store(false, Ordering::Relaxed);
        let base = match self.carrying(&snapshot) {
            Some(base) => base,
            None => self.rebuilt(&snapshot)?,
        };
        if base.is_outgrown_by(&snapshot) {
            self.renew(Arc::clone(&base), Arc::clone(&snapshot));
        }
        base.engine(&self.workshop, snapshot)
    }

    /// The engine that would serve `snapshot`: nothing is kept.
    ///
    /// # Errors
    /// As [`Press::publish`].
    pub fn try_out(&self, snapshot: Snapshot) -> anyhow::Result<Engine> {
        let snapshot = self.shared(snapshot);
        if let Some(base) = self.carrying(&snapshot) {
            return base.engine(&self.workshop, snapshot);
        }
        let aside = Workshop { index: None, progress: Progress::default(), ..self.workshop.clone() };
        let tools = aside.tools(&snapshot)?;
        let learned = self.learned(&snapshot, &tools);
        Base::build(&aside, &snapshot, tools, learned)?.engine(&aside, snapshot)
    }

    /// What it builds with.
    pub fn workshop(&self) -> &Workshop {
        &self.workshop
    }

    /// Whether publishing again would serve the same from a newer base.
    pub fn is_renewed(&self) -> bool {
        self.state.is_renewed.load(Ordering::Relaxed)
    }

    fn shared(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        let base = self.base().clone();
        Arc::new(match base {
            Some(base) => snapshot.sharing(base.snapshot()),
            None => snapshot,
        })
    }

    fn base(&self) -> MutexGuard<'_, Option<Arc<Base>>> {
        locked(&self.state.base)
    }

    fn carrying(&self, snapshot: &Snapshot) -> Option<Arc<Base>> {
        self.base().clone().filter(|base| base.carries(snapshot))
    }

    /// What is learned already; of a desk that is built for the first time, its own if that does not take long.
    fn learned(&self, snapshot: &Snapshot, tools: &Tools) -> Learned {
        let earlier = self.base().clone();
        match earlier {
            None if snapshot.entries.len() <= PATIENT => tools.adapted(&self.workshop, snapshot),
            earlier => tools.inherited(earlier.and_then(|base| base.model())),
        }
    }

    /// A base that carries `snapshot`: from disk, else a new one.
    fn rebuilt(&self, snapshot: &Arc<Snapshot>) -> anyhow::Result<Arc<Base>> {
        let _one = locked(&self.state.writing);
        let tools = self.workshop.tools(snapshot)?;
        let base = match self.workshop.kept(snapshot, &tools) {
            Some(base) => base,
            None => {
                let learned = self.learned(snapshot, &tools);
                Base::build(&self.workshop, snapshot, tools, learned)?
            }
        };
        let base = Arc::new(base);
        *self.base() = Some(Arc::clone(&base));
        Ok(base)
    }

    /// Makes a new base of `snapshot` in a thread of its own, on one core: customers are being served meanwhile.
    fn renew(&self, old: Arc<Base>, snapshot: Arc<Snapshot>) {
        if self.state.is_renewing.swap(true, Ordering::SeqCst) {
            return;
        }
        let press = self.clone();
        std::thread::spawn(move || {
            if let Err(error) = press.renewed(&old, &snapshot) {
                tracing::warn!("the desk goes on from the index it has: {error:#}");
            }
            press.state.is_renewing.store(false, Ordering::SeqCst);
        });
    }

    fn renewed(&self, old: &Arc<Base>, snapshot: &Arc<Snapshot>) -> anyhow::Result<()> {
        let one = || rayon::ThreadPoolBuilder::new().num_threads(1);
        let tools = old.tools().clone();
        // Learning takes long, and nobody waits for it.
        let aside = one().start_handler(|_| yield_to_others()).build()?;
        let learned = aside.install(|| tools.adapted(&self.workshop, snapshot));
        let _one = locked(&self.state.writing);
        if self.base().as_ref().is_some_and(|now| !Arc::ptr_eq(now, old)) {
            // Something else than entries changed meanwhile, and made a base of its own.
            return Ok(());
        }
        // Who publishes other words waits for the place that this writes to: no yielding here.
        let built = one().build()?.install(|| Base::build(&self.workshop, snapshot, tools, learned))?;
        *self.base() = Some(Arc::new(built));
        self.state.is_renewed.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Lets this thread run where no other wants to. Without it the work is done all the same.
fn yield_to_others() {
    if let Err(error) = thread_priority::set_current_thread_priority(thread_priority::ThreadPriority::Min) {
        tracing::debug!("the priority of a thread stays as it is: {error:?}");
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

//! The one thread that computes for a model. Questions that wait together are computed together and go before the
//! desk's own texts, of which there is one small batch at a time; what nobody waits for any more is not computed.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::blas;
use super::network::Network;
use super::tokens::Tokens;
use super::{ModelFolder, Resources, TransformerError};

/// Rows of one pass through the network.
type Rows = Result<Vec<Vec<f32>>, TransformerError>;

/// Texts that belong together, and who waits for them.
struct Job {
    texts: Vec<Tokens>,
    /// After this nobody waits any more; `None` = somebody always does.
    deadline: Option<(Instant, Duration)>,
    reply: SyncSender<Rows>,
}

impl Job {
    fn late(&self) -> Option<TransformerError> {
        let (deadline, wait) = self.deadline?;
        (Instant::now() >= deadline).then_some(TransformerError::Late(wait))
    }
}

#[derive(Default)]
struct Queues {
    urgent: VecDeque<Job>,
    patient: VecDeque<Job>,
    is_closed: bool,
}

struct Shared {
    queues: Mutex<Queues>,
    filled: Condvar,
}

impl Shared {
    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// How a worker puts work together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batching {
    /// Waiting jobs that are computed at once.
    pub(super) jobs: usize,
    /// Texts in one pass; between passes it is looked whether somebody still waits.
    pub(super) texts: usize,
}

/// A model on a thread of its own. Dropping it ends the thread.
pub(super) struct Worker {
    shared: Arc<Shared>,
    capacity: usize,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Loads the model on the new thread and waits for it.
    pub(super) fn start(
        folder: &ModelFolder,
        resources: &Resources,
        batching: Batching,
    ) -> Result<Self, TransformerError> {
        let shared = Arc::new(Shared { queues: Mutex::default(), filled: Condvar::new() });
        let (ready, opened) = sync_channel(1);
        let (inside, folder) = (Arc::clone(&shared), folder.clone());
        let threads = i32::try_from(resources.threads.max(1)).unwrap_or(i32::MAX);
        let thread = std::thread::Builder::new().name("madoguchi-model".to_owned()).spawn(move || {
            tch::set_num_threads(threads);
            blas::limit(threads);
            let network = caught(|| Network::open(&folder));
            match network {
                Ok(network) => {
                    // Nobody may wait for the answer any more; then there is nothing to do.
                    let _ = ready.send(Ok(()));
                    work(&inside, &network, batching);
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        });
        let thread =
            thread.map_err(|error| TransformerError::Failed(format!("no thread for it: {error}")))?;
        let worker = Self { shared, capacity: resources.queue, thread: Some(thread) };
        opened
            .recv()
            .unwrap_or_else(|_| Err(TransformerError::Failed("it broke off while loading".to_owned())))?;
        Ok(worker)
    }

    /// Computes `texts` ahead of patient work; gives up after `wait`.
    pub(super) fn urgent(&self, texts: Vec<Tokens>, wait: Duration) -> Rows {
        let deadline = Instant::now() + wait;
        let (reply, answer) = sync_channel(1);
        {
            let mut queues = self.shared.queues();
            if queues.urgent.len() >= self.capacity {
                return Err(TransformerError::Busy);
            }
            queues.urgent.push_back(Job { texts, deadline: Some((deadline, wait)), reply });
        }
        self.shared.filled.notify_one();
        match answer.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(rows) => rows,
            Err(RecvTimeoutError::Timeout) => Err(TransformerError::Late(wait)),
            Err(RecvTimeoutError::Disconnected) => Err(ended()),
        }
    }

    /// Computes `texts` whenever no question waits.
    pub(super) fn patient(&self, texts: Vec<Tokens>) -> Rows {
        let (reply, answer): (_, Receiver<Rows>) = sync_channel(1);
        self.shared.queues().patient.push_back(Job { texts, deadline: None, reply });
        self.shared.filled.notify_one();
        answer.recv().unwrap_or_else(|_| Err(ended()))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.queues().is_closed = true;
        self.shared.filled.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

fn ended() -> TransformerError {
    TransformerError::Failed("its thread has ended".to_owned())
}

/// A panic inside as an error: rust-bert panics where a computation fails.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, TransformerError>) -> Result<T, TransformerError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
        let words = words.unwrap_or_default();
        Err(TransformerError::Failed(words.lines().next().unwrap_or("no reason given").to_owned()))
    })
}

fn work(shared: &Shared, network: &Network, batching: Batching) {
    while let Some(mut jobs) = next(shared, batching) {
        jobs.retain(|job| match job.late() {
            // A send fails when nobody waits any more, here and below.
            Some(late) => {
                let _ = job.reply.send(Err(late));
                false
            }
            None => true,
        });
        compute(jobs, network, batching.texts);
    }
}

/// What to do next: waiting questions, else one patient job; `None` when the worker is dropped.
fn next(shared: &Shared, batching: Batching) -> Option<Vec<Job>> {
    let mut queues = shared.queues();
    loop {
        if queues.is_closed {
            return None;
        }
        let waiting = queues.urgent.len().min(batching.jobs);
        if waiting > 0 {
            return Some(queues.urgent.drain(..waiting).collect());
        }
        if let Some(job) = queues.patient.pop_front() {
            return Some(vec![job]);
        }
        queues = shared.filled.wait(queues).unwrap_or_else(|poisoned| poisoned.into_inner());
    }
}

/// Computes the jobs' texts, `at_once` in a pass, and answers.
fn compute(jobs: Vec<Job>, network: &Network, at_once: usize) {
    let texts: Vec<&Tokens> = jobs.iter().flat_map(|job| &job.texts).collect();
    let mut rows = Vec::with_capacity(texts.len());
    let mut failure = None;
    for pass in texts.chunks(at_once) {
        if let Some(late) =
            jobs.iter().map(Job::late).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().next())
        {
            failure = Some(late);
            break;
        }
        match caught(|| network.run(pass)) {
            Ok(numbers) => rows.extend(numbers),
            Err(error) => {
                tracing::warn!("{error}");
                failure = Some(error);
                break;
            }
        }
    }
    let mut rows = rows.into_iter();
    for job in &jobs {
        let own = match &failure {
            Some(error) => Err(error.clone()),
            None => Ok(rows.by_ref().take(job.texts.len()).collect()),
        };
        let _ = job.reply.send(own);
    }
}

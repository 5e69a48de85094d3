//! A progress bar for people: only when standard error is a terminal, and only once work has taken two seconds.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long work may take before a bar appears.
const PATIENCE: Duration = Duration::from_secs(2);

/// Progress of one pass; safe to step from many threads.
pub struct Progress {
    label: &'static str,
    total: u64,
    enabled: bool,
    start: Instant,
    bar: ProgressBar,
    shown: OnceLock<()>,
}

impl Progress {
    /// Progress of `total` steps; silent unless `enabled`.
    pub fn new(label: &'static str, total: usize, enabled: bool) -> Self {
        let enabled = enabled && std::io::stderr().is_terminal();
        let total = total as u64;
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        Self { label, total, enabled, start: Instant::now(), bar, shown: OnceLock::new() }
    }

    /// One more step is done.
    pub fn step(&self) {
        if !self.enabled {
            return;
        }
        self.bar.inc(1);
        if self.start.elapsed() >= PATIENCE && self.bar.position() < self.total {
            self.shown.get_or_init(|| {
                if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {eta}") {
                    self.bar.set_style(style);
                }
                self.bar.set_message(self.label);
                self.bar.set_draw_target(ProgressDrawTarget::stderr());
            });
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A sign of life for work whose length is not known, shown under the same conditions while the value lives.
pub struct Waiting {
    done: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Waiting {
    /// Starts waiting; silent unless `enabled`.
    pub fn new(label: &'static str, enabled: bool) -> Self {
        if !enabled || !std::io::stderr().is_terminal() {
            return Self { done: None };
        }
        let (done, wait) = channel();
        let watch = std::thread::spawn(move || {
            if wait.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let spinner = ProgressBar::new_spinner().with_message(label);
            spinner.enable_steady_tick(Duration::from_millis(120));
            // Until the sender is dropped.
            let _ = wait.recv();
            spinner.finish_and_clear();
        });
        Self { done: Some((done, watch)) }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((done, watch)) = self.done.take() {
            drop(done);
            let _ = watch.join();
        }
    }
}

//! `madoguchi models bench`: what an encoder costs on this machine. One question alone; several at once, with what other
//! answers of the desk cost meanwhile; and, with `--soak`, whether memory stays flat.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Args;

use super::{print, today};
use crate::answer::{Ask, Engine};
use crate::embed::transformer::tier::folder_of;
use crate::embed::transformer::{Encoder, ModelFolder, Resources};
use crate::kb::files;
use crate::publish::Workshop;

/// Arguments of `madoguchi models bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Name of a model, or a folder.
    model: String,
    /// Folder of the desk whose questions are asked.
    #[arg(long, default_value = "kb")]
    kb: PathBuf,
    /// Questions at once.
    #[arg(long, default_value_t = 8)]
    concurrent: usize,
    /// Length of each measurement, seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Threads within one computation.
    #[arg(long, default_value_t = Resources::default().threads)]
    threads: usize,
    /// Then keep it busy for so many minutes and watch the memory.
    #[arg(long)]
    soak: Option<u64>,
}

/// A pause between the questions of one who is not in a hurry.
const PACE: Duration = Duration::from_millis(20);

/// Measures and prints.
///
/// # Errors
/// When model or desk cannot be used.
pub fn run(models: &Path, args: &BenchArgs) -> anyhow::Result<ExitCode> {
    // Nothing is kept: every question is computed.
    let resources = Resources { threads: args.threads, cached: 0, ..Resources::default() };
    let begun = Instant::now();
    let folder = ModelFolder::read(&folder_of(models, &args.model))?;
    let encoder = Encoder::open(&folder, &resources)?;
    let loaded = begun.elapsed();
    let memory = resident_mib();
    print(&format!("{}: loaded in {loaded:.1?}, {memory:.0} MiB resident", folder.name))?;
    let engine = Workshop::in_memory(models).engine(files::load(&args.kb, today())?, today())?;
    let questions: Vec<String> =
        engine.snapshot().entries.iter().flat_map(|entry| entry.phrasings.iter().cloned()).collect();
    anyhow::ensure!(!questions.is_empty(), "{} has no phrasings to ask", args.kb.display());
    let length = Duration::from_secs(args.seconds);
    let bench = Bench { encoder: &encoder, engine: &engine, questions: &questions };
    print(&format!("other answers, idle       {}", bench.load(0, length).others))?;
    print(&format!("one question at a time    {}", bench.load(1, length).asked))?;
    let crowd = bench.load(args.concurrent, length);
    print(&format!("{} questions at once       {}", args.concurrent, crowd.asked))?;
    print(&format!("other answers meanwhile   {}", crowd.others))?;
    match args.soak {
        Some(minutes) => bench.soak(args.concurrent, Duration::from_secs(minutes * 60)),
        None => Ok(ExitCode::SUCCESS),
    }
}

struct Bench<'a> {
    encoder: &'a Encoder,
    engine: &'a Engine,
    questions: &'a [String],
}

struct Loaded {
    asked: Times,
    others: Times,
}

impl Bench<'_> {
    /// So many askers, each asking again when it has its vector, beside one who asks the static desk at a calm pace.
    fn load(&self, askers: usize, length: Duration) -> Loaded {
        let (stop, at) = (AtomicBool::new(false), AtomicUsize::new(0));
        let question = || &self.questions[at.fetch_add(1, Ordering::Relaxed) % self.questions.len()];
        let ask = || {
            let mut times = Times::default();
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                match self.encoder.question(question()) {
                    Ok(_) => times.took.push(begun.elapsed()),
                    Err(_) => times.failed += 1,
                }
            }
            times
        };
        let other = || {
            let mut times = Times::default();
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                self.engine.answer(&Ask { text: question(), ..Ask::default() });
                times.took.push(begun.elapsed());
                std::thread::sleep(PACE);
            }
            times
        };
        std::thread::scope(|scope| {
            let crowd: Vec<_> = (0..askers).map(|_| scope.spawn(ask)).collect();
            let others = scope.spawn(other);
            std::thread::sleep(length);
            stop.store(true, Ordering::Relaxed);
            let mut asked = Times::default();
            for asker in crowd {
                asked.add(asker.join().expect("asking does not panic"));
            }
            Loaded { asked, others: others.join().expect("answering does not panic") }
        })
    }

    /// Keeps it busy and prints the resident memory every half minute; exit code 1 when it grew by more than 5 %.
    fn soak(&self, askers: usize, length: Duration) -> anyhow::Result<ExitCode> {
        let begun = Instant::now();
        let mut memories = Vec::new();
        let mut asked = Times::default();
        while begun.elapsed() < length {
            let texts: Vec<&str> = self.questions.iter().map(String::as_str).collect();
            self.encoder.passages(&texts[..texts.len().min(512)])?;
            asked.add(self.load(askers, Duration::from_secs(30)).asked);
            memories.push(resident_mib());
            print(&format!("{:>5.0?}  {:.1} MiB resident", begun.elapsed(), memories[memories.len() - 1]))?;
        }
        // The first readings are the allocator finding its size.
        let settled = memories.len() / 5;
        let from = memories.get(settled).copied().unwrap_or_default();
        let to = memories.last().copied().unwrap_or_default();
        print(&format!("soak of {:.0?}: {asked}; memory {from:.1} → {to:.1} MiB", begun.elapsed()))?;
        Ok(if to > from * 1.05 { ExitCode::from(1) } else { ExitCode::SUCCESS })
    }
}

/// How long things took, and how many failed.
#[derive(Default)]
struct Times {
    took: Vec<Duration>,
    failed: usize,
}

impl Times {
    fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.failed += other.failed;
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.took.clone();
        sorted.sort_unstable();
        let at = |share: f64| {
            let place = (share * sorted.len() as f64) as usize;
            sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        write!(f, "p50 {:.2?}, p99 {:.2?}, {} done, {} failed", at(0.5), at(0.99), sorted.len(), self.failed)
    }
}

/// Resident memory of this process, MiB; 0 where the system does not tell.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0.0);
    kib / 1024.0
}

//! What the counter costs, over 10,000 entries made from the sample desk: the whole answer (with its percentiles), and
//! its parts. `cargo bench`, or `cargo bench -- answer`. The questions are the sample desk's evaluation cases.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on should stop where it is")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use divan::{Bencher, black_box};
use jiff::civil::{Date, date};
use madoguchi::answer::retrieve::retrieve;
use madoguchi::answer::understand::Question;
use madoguchi::answer::{Ask, Engine, System};
use madoguchi::app::{
    Answerer, App, Closed, EntryFilter, Limits, NewStaff, Publisher, Role as Duty, SaveEntry, SortBy, Staff,
    SystemClock,
};
use madoguchi::embed::{Embedder, Role, StaticModel, Text};
use madoguchi::eval::cases::{Case, Cases};
use madoguchi::impact::{self, assess};
use madoguchi::index::vector::Query;
use madoguchi::kb::Snapshot;
use madoguchi::kb::files::{Contents, FiledEntry};
use madoguchi::kb::snapshot::DeskFiles;
use madoguchi::kb::{Entry, files};
use madoguchi::publish::{Press, Workshop};
use madoguchi::store::SqliteStore;

const ENTRIES: usize = 10_000;
const TODAY: Date = date(2026, 11, 20);
/// Budget of DESIGN.md for one answer over 10,000 entries.
const BUDGET: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(5));

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_run = !arguments.iter().any(|argument| argument == "--list" || argument == "--test");
    let wants_answer =
        arguments.iter().filter(|a| !a.starts_with("--")).all(|filter| "answer".contains(filter.as_str()));
    if is_run && wants_answer {
        percentiles();
    }
    divan::main();
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The `n`th generated entry: one of the desk's, its product named otherwise and its answer led on by another's.
fn generated(desk: &[Entry], n: usize) -> Entry {
    const NAMES: [&str; 16] = [
        "あおぞら",
        "いぶき",
        "うみかぜ",
        "えにし",
        "かがり",
        "きざし",
        "くぬぎ",
        "こだま",
        "さざなみ",
        "しおり",
        "すずらん",
        "せせらぎ",
        "たちばな",
        "つばめ",
        "なぎさ",
        "ひより",
    ];
    let (base, round) = (&desk[n % desk.len()], n / desk.len());
    if round == 0 {
        return base.clone();
    }
    let name = format!("{}{}", NAMES[round % NAMES.len()], NAMES[(round / NAMES.len() + n) % NAMES.len()]);
    let other = &desk[(n * 31 + round * 7) % desk.len()];
    let lead = other.answer.lines().next().unwrap_or_default();
    Entry {
        id: format!("{}-{round}", base.id),
        translation_of: None,
        question: format!("{name}プランでは、{}", base.question),
        phrasings: base.phrasings.iter().map(|phrasing| format!("{name} {phrasing}")).collect(),
        answer: format!("{name}プランのご案内です。\n\n{}\n\n{lead}", base.answer),
        follow_ups: Vec::new(),
        related: Vec::new(),
        ..base.clone()
    }
}

/// The desk with its generated entries.
fn desk() -> DeskFiles {
    let mut desk = files::load(&root().join("kb"), TODAY).unwrap();
    desk.entries.retain(|entry| entry.is_served_on(TODAY));
    desk.entries = (0..ENTRIES).map(|n| generated(&desk.entries, n)).collect();
    desk
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let desk = desk();
        let begun = Instant::now();
        let workshop = Workshop { adapt: false, ..Workshop::in_memory(root().join("models")) };
        let engine = workshop.with_fitted(root().join("kb/fitted")).engine(desk, TODAY).unwrap();
        assert!(!engine.is_degraded(), "the embedding model does not fit the dictionary");
        eprintln!("index of {} entries built in {:.1?}", engine.index().documents.len(), begun.elapsed());
        engine
    })
}

/// Questions of the evaluation cases, all splits.
fn questions() -> &'static [String] {
    static QUESTIONS: OnceLock<Vec<String>> = OnceLock::new();
    QUESTIONS.get_or_init(|| {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(root().join("eval/cases")).unwrap().map(|item| item.unwrap().path()).collect();
        files.sort();
        let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
        let question = |line: &str| {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            case["question"].as_str().unwrap().to_owned()
        };
        text.lines().filter(|line| !line.is_empty()).map(question).collect()
    })
}

/// Questions in turn, the same order every time.
fn in_turn() -> impl Fn() -> &'static str {
    let at = AtomicUsize::new(0);
    move || questions()[at.fetch_add(1, Ordering::Relaxed) % questions().len()].as_str()
}

/// Every question three times on one thread, after a warm-up: divan shows medians, budgets speak of percentiles.
fn percentiles() {
    let answer = |text: &str| {
        let begun = Instant::now();
        black_box(engine().answer(&Ask { text, ..Ask::default() }));
        begun.elapsed()
    };
    for text in questions() {
        answer(text);
    }
    let mut times: Vec<Duration> = (0..3).flat_map(|_| questions().iter().map(|text| answer(text))).collect();
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "answer, {ENTRIES} entries, {} answers: p50 {:.2?} p90 {:.2?} p99 {:.2?} max {:.2?} (budget: p50 {:?}, p99 {:?})",
        times.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        BUDGET.0,
        BUDGET.1
    );
}

#[divan::bench]
fn answer(bencher: Bencher<'_, '_>) {
    let engine = engine();
    bencher.with_inputs(in_turn()).bench_values(|text| engine.answer(&Ask { text, ..Ask::default() }));
}

#[divan::bench]
fn analysis(bencher: Bencher<'_, '_>) {
    let analyzer = engine().analyzer();
    bencher.with_inputs(in_turn()).bench_values(|text| analyzer.analyze(text));
}

#[divan::bench]
fn lexical_search(bencher: Bencher<'_, '_>) {
    let (analyzer, index) = (engine().analyzer(), engine().index());
    let next = in_turn();
    bencher
        .with_inputs(|| Question::new(next(), analyzer, &index.documents, None))
        .bench_values(|question| retrieve(&question, None, index, System::Lexical));
}

#[divan::bench]
fn vector_search(bencher: Bencher<'_, '_>) {
    let vectors = engine().index().vectors.as_ref().unwrap();
    let next = in_turn();
    bencher
        .with_inputs(|| {
            loop {
                let text = next();
                if let Some(query) = Query::new(&embed(text, &terms_of(text))) {
                    break query;
                }
            }
        })
        .bench_values(|query| vectors.search(&query, 100));
}

/// The shipped model, as the engine has it.
fn model() -> &'static StaticModel {
    static MODEL: OnceLock<StaticModel> = OnceLock::new();
    MODEL.get_or_init(|| StaticModel::open(&root().join("models"), engine().analyzer().dictionary()).unwrap())
}

fn terms_of(text: &str) -> Vec<String> {
    engine().analyzer().terms(text)
}

fn embed(raw: &str, terms: &[String]) -> Vec<f32> {
    model().embed(&Text { raw, terms }, Role::Query)
}

/// Terms given: what the engine pays, which has analysed the question already.
#[divan::bench]
fn embed_terms(bencher: Bencher<'_, '_>) {
    model();
    let next = in_turn();
    bencher
        .with_inputs(|| {
            let text = next();
            (text, terms_of(text))
        })
        .bench_values(|(text, terms)| embed(text, &terms));
}

/// From raw text: what a model with a tokenizer of its own would be compared by.
#[divan::bench]
fn embed_text(bencher: Bencher<'_, '_>) {
    model();
    bencher.with_inputs(in_turn()).bench_values(|text| embed(text, &terms_of(text)));
}

/// The curation desk: 10,000 entries in the store, lists and searches over them, saves. Budgets of the desk: 100 ms for a
/// list or search, 50 ms for a save.
mod curation {
    use super::*;

    /// The engine of the other benches, for searches.
    struct Shared;

    impl Answerer for Shared {
        fn answer(&self, ask: &Ask<'_>) -> madoguchi::answer::Outcome {
            engine().answer(ask)
        }
        fn snapshot(&self) -> &Arc<Snapshot> {
            engine().snapshot()
        }
        fn search(&self, query: &str, limit: usize) -> Vec<madoguchi::answer::Candidate> {
            engine().search(query, limit)
        }
    }

    impl Publisher for Shared {
        fn build(&self, _: Snapshot) -> anyhow::Result<Arc<dyn Answerer>> {
            Ok(Arc::new(Shared))
        }
        fn build_trial(&self, snapshot: Snapshot) -> anyhow::Result<Arc<dyn Answerer>> {
            self.build(snapshot)
        }
    }

    struct Desk {
        runtime: tokio::runtime::Runtime,
        app: Arc<App>,
        staff: Staff,
        _folder: tempfile::TempDir,
    }

    fn desk() -> &'static Desk {
        static DESK: OnceLock<Desk> = OnceLock::new();
        DESK.get_or_init(|| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let folder = tempfile::tempdir().unwrap();
            let (app, staff) = runtime.block_on(async {
                let store = SqliteStore::open(&folder.path().join("desk.db")).await.unwrap();
                let app = App::new(
                    Arc::new(store),
                    Arc::new(Closed::default()),
                    Arc::new(SystemClock),
                    Limits::default(),
                );
                let app = Arc::new(app.with_publisher(Arc::new(Shared)));
                let filed =
                    |entry: &Arc<Entry>| FiledEntry { folder: "desk".into(), entry: Entry::clone(entry) };
                let entries = engine().snapshot().entries.iter().map(filed).collect();
                app.import_desk(&Contents { entries, ..Contents::default() }, false).await.unwrap();
                app.serve_newest().await.unwrap();
                let new = NewStaff {
                    login: "sato".into(),
                    name: String::new(),
                    password: "correct horse".into(),
                    roles: vec![Duty::Editor],
                };
                let staff = app.add_staff(new).await.unwrap();
                (app, staff)
            });
            Desk { runtime, app, staff, _folder: folder }
        })
    }

    fn list(bencher: Bencher<'_, '_>, filter: impl Fn() -> EntryFilter) {
        let desk = desk();
        bencher.bench_local(|| desk.runtime.block_on(desk.app.entries(&desk.staff, &filter())).unwrap());
    }

    #[divan::bench]
    fn list_first_page(bencher: Bencher<'_, '_>) {
        list(bencher, EntryFilter::default);
    }

    #[divan::bench]
    fn list_filtered_and_sorted(bencher: Bencher<'_, '_>) {
        list(bencher, || EntryFilter {
            category: Some("入出金".into()),
            never_asked: true,
            sort: Some(SortBy::Question),
            page: 3,
            ..EntryFilter::default()
        });
    }

    #[divan::bench]
    fn search(bencher: Bencher<'_, '_>) {
        let next = in_turn();
        list(bencher, || EntryFilter { query: next().chars().take(100).collect(), ..EntryFilter::default() });
    }

    #[divan::bench]
    fn save(bencher: Bencher<'_, '_>) {
        let desk = desk();
        let id = engine().snapshot().entries[0].id.clone();
        let round = AtomicUsize::new(0);
        bencher.bench_local(|| {
            desk.runtime.block_on(async {
                let now = desk.app.entry(&desk.staff, &id).await.unwrap();
                let answer = format!("第{}稿", round.fetch_add(1, Ordering::Relaxed));
                let content = Entry { answer, ..now.head.content };
                let version = now.record.version;
                let save = SaveEntry { version, content, reason: String::new(), external_id: None };
                desk.app.save_entry(&desk.staff, save).await.unwrap()
            })
        });
    }

    #[divan::bench]
    fn keep_draft(bencher: Bencher<'_, '_>) {
        let desk = desk();
        let content = Entry::clone(&engine().snapshot().entries[1]);
        bencher.bench_local(|| {
            desk.runtime.block_on(desk.app.keep_draft(&desk.staff, 1, content.clone())).unwrap()
        });
    }
}

/// Publishing over 10,000 entries, as [`Press`] does it: from the desk's contents to an engine that can be swapped in.
/// Budgets of the desk: 1 s from a published edit, or a start, to customers; 5 s for a preview over 500 cases.
mod publishing {
    use super::*;

    struct Printing {
        press: Press,
        workshop: Workshop,
        desk: DeskFiles,
        _folder: tempfile::TempDir,
    }

    fn printing() -> &'static Printing {
        static PRINTING: OnceLock<Printing> = OnceLock::new();
        PRINTING.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let workshop = Workshop { adapt: false, ..Workshop::in_memory(root().join("models")) };
            let workshop =
                workshop.with_fitted(root().join("kb/fitted")).with_index(folder.path().join("index"));
            let (press, desk) = (Press::new(workshop.clone()), desk());
            let begun = Instant::now();
            press.publish(Snapshot::of(desk.clone(), TODAY)).unwrap();
            eprintln!("first published in {:.1?}", begun.elapsed());
            Printing { press, workshop, desk, _folder: folder }
        })
    }

    /// The desk with this many entries changed, otherwise every time.
    fn edited(changes: usize) -> Snapshot {
        static ROUND: AtomicUsize = AtomicUsize::new(0);
        let mut desk = printing().desk.clone();
        let round = ROUND.fetch_add(1, Ordering::Relaxed);
        for i in 0..changes {
            desk.entries[(i * 97 + 5) % ENTRIES].answer =
                format!("第{round}版です。出金の手数料は無料です。");
        }
        Snapshot::of(desk, TODAY)
    }

    #[divan::bench(args = [1, 30, 300], sample_count = 10, sample_size = 1)]
    fn publish_edits(bencher: Bencher<'_, '_>, changes: usize) {
        bencher
            .with_inputs(|| edited(changes))
            .bench_local_values(|snapshot| printing().press.publish(snapshot));
    }

    #[divan::bench(sample_count = 10, sample_size = 1)]
    fn snapshot(bencher: Bencher<'_, '_>) {
        let with = || printing().desk.clone();
        bencher.with_inputs(with).bench_local_values(|desk| Snapshot::of(desk, TODAY));
    }

    #[divan::bench(sample_count = 10, sample_size = 1)]
    fn start_with_an_index(bencher: Bencher<'_, '_>) {
        let with = || (Press::new(printing().workshop.clone()), Snapshot::of(printing().desk.clone(), TODAY));
        bencher.with_inputs(with).bench_local_values(|(press, snapshot)| press.publish(snapshot));
    }

    #[divan::bench(sample_count = 3, sample_size = 1)]
    fn build_from_nothing(bencher: Bencher<'_, '_>) {
        let workshop = Workshop { index: None, ..printing().workshop.clone() };
        let with = || Snapshot::of(printing().desk.clone(), TODAY);
        bencher.with_inputs(with).bench_local_values(|snapshot| workshop.engine_of(snapshot));
    }

    #[divan::bench(sample_count = 5, sample_size = 1)]
    fn preview_over_500_cases(bencher: Bencher<'_, '_>) {
        let cases = Cases::read(&root().join("eval/cases"), &|_| true, false).unwrap();
        let cases: Vec<Case> = cases.cases.into_iter().take(500).collect();
        let before = printing().press.publish(Snapshot::of(printing().desk.clone(), TODAY)).unwrap();
        bencher.with_inputs(|| edited(1)).bench_local_values(|snapshot| {
            let changed = [printing().desk.entries[5].id.clone()];
            let after = printing().press.try_out(snapshot).unwrap();
            let question = impact::Question {
                before: &before,
                after: &after,
                changed: &changed,
                cases: &cases,
                questions: &[],
            };
            assess(&question, &|_, _| {})
        });
    }
}

//! The index on disk: opened when it is the right one and whole, brought up to date or rebuilt otherwise, never served
//! damaged or stale. And amended indexes: whatever was edited, the desk answers as if it had been built anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use madoguchi::answer::{Ask, Engine};
use madoguchi::kb::snapshot::DeskFiles;
use madoguchi::kb::{Entry, Snapshot};
use madoguchi::publish::{Origin, Press, Workshop};
use madoguchi::text::SynonymGroup;
use proptest::prelude::*;

use crate::desk::{TODAY, kb, sample_desk};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

/// Twelve entries of the sample desk, without the examples that a net would be learned from.
fn small_desk() -> DeskFiles {
    let mut desk = sample_desk();
    desk.entries.truncate(12);
    desk.examples.clear();
    desk
}

fn snapshot() -> &'static Arc<Snapshot> {
    static SNAPSHOT: OnceLock<Arc<Snapshot>> = OnceLock::new();
    SNAPSHOT.get_or_init(|| Arc::new(Snapshot::of(small_desk(), TODAY)))
}

fn workshop(folder: &Path) -> Workshop {
    let workshop = Workshop { adapt: false, ..Workshop::in_memory(models()) };
    workshop.with_fitted(kb().join("fitted")).with_index(folder)
}

fn open(folder: &Path) -> Origin {
    let (base, origin) = workshop(folder).base(snapshot()).unwrap();
    assert_eq!(base.index().documents.len(), snapshot().entries.len());
    assert_eq!(base.index().lexical.len(), snapshot().entries.len());
    assert!(base.index().vectors.is_some());
    origin
}

/// The one index under `folder`.
fn home(folder: &Path) -> PathBuf {
    let mut homes = fs::read_dir(folder).unwrap().map(|item| item.unwrap().path());
    let home = homes.next().unwrap();
    assert_eq!(homes.next(), None, "older indexes are removed");
    home
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|item| item.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_under(&path) } else { vec![path] }).collect()
}

#[test]
fn an_index_is_built_once_and_then_opened() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(open(folder.path()), Origin::Built);
    assert_eq!(open(folder.path()), Origin::Opened);
}

#[test]
fn a_deleted_index_is_built_again() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path());
    fs::remove_dir_all(home(folder.path())).unwrap();
    assert_eq!(open(folder.path()), Origin::Built);
    assert_eq!(open(folder.path()), Origin::Opened);
}

#[test]
fn a_truncated_or_missing_file_means_a_new_index() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path());
    let all = files_under(&home(folder.path()));
    assert!(all.len() >= 5, "{all:?}");
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "lock");
    // The entries are looked at only when the desk has others now.
    let is_read = |path: &PathBuf| !is_lock(path) && !path.ends_with("entries.bin");
    for path in all.iter().filter(|path| is_read(path)) {
        // A rebuilt index has other segment names; what is no longer there was damaged in its turn before.
        let Ok(bytes) = fs::read(path) else { continue };
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(open(folder.path()), Origin::Built, "{} was cut in half", path.display());
        assert_eq!(open(folder.path()), Origin::Opened);
    }
    for name in ["index.json", "documents.bin", "vectors.bin", "net.bin"] {
        fs::remove_file(home(folder.path()).join(name)).unwrap();
        assert_eq!(open(folder.path()), Origin::Built, "{name} was gone");
    }
}

#[test]
fn an_index_of_another_desk_is_brought_up_to_this_one_or_not_used() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path());
    let mut desk = small_desk();
    desk.entries.truncate(6);
    let smaller = Arc::new(Snapshot::of(desk.clone(), TODAY));
    assert!(smaller.entries.len() < snapshot().entries.len());
    let origin = |workshop: &Workshop, snapshot: &Arc<Snapshot>| workshop.base(snapshot).unwrap().1;
    let engine = workshop(folder.path()).engine_of(Snapshot::clone(&smaller)).unwrap();
    assert_same(&engine, &anew(&smaller));
    assert_eq!(origin(&workshop(folder.path()), &smaller), Origin::Opened, "few entries differ");

    fs::write(home(folder.path()).join("entries.bin"), "cut").unwrap();
    assert_eq!(origin(&workshop(folder.path()), &smaller), Origin::Built, "what it was built of is damaged");

    desk.vocabulary.synonyms.push(SynonymGroup { members: vec!["出金".into(), "払い戻し".into()] });
    let other_words = Arc::new(Snapshot::of(desk, TODAY));
    assert_eq!(origin(&workshop(folder.path()), &other_words), Origin::Built, "other words");
    assert_eq!(open(folder.path()), Origin::Built, "these words again");
    // Without a model.
    let empty = tempfile::tempdir().unwrap();
    let lexical = Workshop { models: empty.path().to_owned(), ..workshop(folder.path()) };
    assert_eq!(origin(&lexical, snapshot()), Origin::Built);
    assert!(lexical.base(snapshot()).unwrap().0.index().vectors.is_none());
    // The right place with a fingerprint of something else inside.
    assert_eq!(open(folder.path()), Origin::Built);
    let manifest = home(folder.path()).join("index.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let from = text.find("\"fingerprint\": \"").unwrap() + 16;
    fs::write(&manifest, format!("{}{}{}", &text[..from + 60], "0000", &text[from + 64..])).unwrap();
    assert_eq!(open(folder.path()), Origin::Built);
}

/// A desk's engine built of nothing but its snapshot.
fn anew(snapshot: &Snapshot) -> Engine {
    let workshop = Workshop { adapt: false, ..Workshop::in_memory(models()) };
    workshop.with_fitted(kb().join("fitted")).engine_of(snapshot.clone()).unwrap()
}

/// What customers ask in these tests: of entries and of none, in kana, in English, mistyped.
const QUESTIONS: [&str; 12] = [
    "口座を解約したい",
    "こうざをかいせつしたい",
    "出金できない",
    "何歳から口座を作れますか",
    "ﾒｰﾙｱﾄﾞﾚｽの変更",
    "講座会説の方法",
    "本人確認 時間",
    "How do I close my account?",
    "引っ越したときの手続き",
    "アメリカの大統領は誰ですか",
    "法人で登録",
    "あおぞらプランの年会費",
];

#[track_caller]
fn assert_same(a: &Engine, b: &Engine) {
    assert_eq!(a.index().fingerprint, b.index().fingerprint);
    assert_eq!(a.index().documents.len(), b.index().documents.len());
    let entries = a.snapshot().entries.iter();
    let own = entries.flat_map(|entry| std::iter::once(&entry.question).chain(entry.phrasings.first()));
    for text in QUESTIONS.into_iter().chain(own.map(String::as_str)) {
        let [left, right] = [a, b].map(|engine| engine.answer(&Ask { text, ..Ask::default() }));
        let (trace, other) = (&left.trace, &right.trace);
        assert_eq!(trace.tokens, other.tokens, "{text}");
        assert_eq!(trace.expansions, other.expansions, "{text}");
        assert!((trace.confidence - other.confidence).abs() < 1e-4, "{text}: {trace:?}\n{other:?}");
        let ids = |outcome: &madoguchi::answer::Outcome| -> Vec<String> {
            outcome.trace.candidates.iter().map(|candidate| candidate.entry_id.clone()).collect()
        };
        assert_eq!(ids(&left), ids(&right), "{text}");
        for (mine, theirs) in trace.candidates.iter().zip(&other.candidates) {
            assert!((mine.score - theirs.score).abs() < 1e-3, "{text}: {mine:?} {theirs:?}");
            assert_eq!(mine.lexical, theirs.lexical, "{text}: {}", mine.entry_id);
            assert_eq!(mine.dense, theirs.dense, "{text}: {}", mine.entry_id);
            assert_eq!(mine.matched, theirs.matched, "{text}");
        }
        assert_eq!(left.decision.name(), right.decision.name(), "{text}");
    }
}

/// An edit of the desk; positions count round.
#[derive(Debug, Clone)]
enum Edit {
    Add { like: usize, id: String },
    Change { which: usize, answer: String },
    Rename { which: usize, question: String },
    Phrase { which: usize, phrasing: String },
    Archive { which: usize },
    Restore { which: usize },
    Word { synonym: String },
}

fn edit() -> impl Strategy<Value = Edit> {
    let words = "(あおぞら|口座|年会費|プラン|法人|出金|解約|ETF|の|は){1,6}";
    prop_oneof![
        4 => (any::<usize>(), "[a-z]{1,9}").prop_map(|(like, id)| Edit::Add { like, id }),
        4 => (any::<usize>(), words).prop_map(|(which, answer)| Edit::Change { which, answer }),
        2 => (any::<usize>(), words).prop_map(|(which, question)| Edit::Rename { which, question }),
        2 => (any::<usize>(), words).prop_map(|(which, phrasing)| Edit::Phrase { which, phrasing }),
        3 => any::<usize>().prop_map(|which| Edit::Archive { which }),
        2 => any::<usize>().prop_map(|which| Edit::Restore { which }),
        1 => "(解約|年会費|出金)".prop_map(|synonym| Edit::Word { synonym }),
    ]
}

fn apply(edit: Edit, desk: &mut DeskFiles, all: &[Entry]) {
    let count = desk.entries.len();
    let mut change = |which: usize, change: &dyn Fn(&mut Entry)| {
        if count > 0 {
            change(&mut desk.entries[which % count]);
        }
    };
    match edit {
        Edit::Add { like, id } => {
            let like = &all[like % all.len()];
            let question = format!("{id}プランでは、{}", like.question);
            desk.entries.push(Entry { id, question, translation_of: None, ..like.clone() });
        }
        Edit::Change { which, answer } => change(which, &|entry| entry.answer = answer.clone()),
        Edit::Rename { which, question } => change(which, &|entry| entry.question = question.clone()),
        Edit::Phrase { which, phrasing } => change(which, &|entry| entry.phrasings.push(phrasing.clone())),
        Edit::Archive { which } => {
            if count > 1 {
                desk.entries.remove(which % count);
            }
        }
        Edit::Restore { which } => {
            let entry = &all[which % all.len()];
            desk.entries.retain(|other| other.id != entry.id);
            desk.entries.push(entry.clone());
        }
        Edit::Word { synonym } => {
            desk.vocabulary.synonyms.push(SynonymGroup { members: vec![synonym, "やめる".into()] });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn a_desk_edited_again_and_again_answers_as_one_built_anew(
        edits in prop::collection::vec(prop::collection::vec(edit(), 1..5), 1..5),
    ) {
        let mut desk = small_desk();
        let all = desk.entries.clone();
        let workshop = Workshop { adapt: false, ..Workshop::in_memory(models()) };
        let press = Press::new(workshop.with_fitted(kb().join("fitted")));
        press.publish(Snapshot::of(desk.clone(), TODAY)).unwrap();
        for step in edits {
            step.into_iter().for_each(|edit| apply(edit, &mut desk, &all));
            let snapshot = Snapshot::of(desk.clone(), TODAY);
            let anew = anew(&snapshot);
            assert_same(&press.try_out(snapshot.clone()).unwrap(), &anew);
            assert_same(&press.publish(snapshot).unwrap(), &anew);
        }
    }
}

#[test]
fn what_was_learned_stays_until_the_desk_has_outgrown_it() {
    let folder = tempfile::tempdir().unwrap();
    let press = || Press::new(Workshop::in_memory(models()).with_index(folder.path()));
    let mut desk = sample_desk();
    desk.entries.truncate(60);
    // The net's opinion and a vector, to the bit.
    let learned = |engine: &Engine| -> Vec<u32> {
        let opinion = engine.consider_text("詐欺にあった").suspicion.unwrap().probability;
        engine.embed("出金の手数料").unwrap().into_iter().chain([opinion]).map(f32::to_bits).collect()
    };
    let first = press();
    let before = first.publish(Snapshot::of(desk.clone(), TODAY)).unwrap();

    desk.entries[0].answer = "まったく別の答えです。".into();
    let after = first.publish(Snapshot::of(desk.clone(), TODAY)).unwrap();
    assert_eq!(learned(&after), learned(&before));
    assert!(!first.is_renewed());
    // A restart finds the same on disk, though the desk changed since it was written.
    let restarted = press().publish(Snapshot::of(desk.clone(), TODAY)).unwrap();
    assert_eq!(restarted.index().fingerprint, after.index().fingerprint);
    assert_eq!(learned(&restarted), learned(&before));

    for entry in &mut desk.entries[..10] {
        entry.phrasings.push(format!("{}は詐欺ですか", entry.question));
    }
    let outgrown = first.publish(Snapshot::of(desk.clone(), TODAY)).unwrap();
    assert_eq!(learned(&outgrown), learned(&before), "nobody waits for what is learned anew");
    while !first.is_renewed() {
        std::thread::yield_now();
    }
    let renewed = first.publish(Snapshot::of(desk, TODAY)).unwrap();
    assert_ne!(learned(&renewed), learned(&before));
    assert!(!first.is_renewed());
    home(folder.path());
}

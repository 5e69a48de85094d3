//! The index on disk: opened when it is the right one and whole, rebuilt otherwise, never served damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use madoguchi::embed::{Embedder, StaticModel};
use madoguchi::index::{Index, Origin};
use madoguchi::kb::Snapshot;
use madoguchi::text::Analyzer;

use crate::desk::{TODAY, sample_desk};

struct World {
    analyzer: Analyzer,
    model: StaticModel,
    snapshot: Snapshot,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut desk = sample_desk();
        desk.entries.truncate(12);
        let analyzer = Analyzer::open(&crate::dictionary(), &desk.vocabulary).unwrap();
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let model = StaticModel::open(&models, analyzer.dictionary()).unwrap();
        World { analyzer, model, snapshot: Snapshot::of(desk, TODAY) }
    })
}

fn open_as(folder: &Path, snapshot: &Snapshot, embedder: Option<&dyn Embedder>) -> (Index, Origin) {
    Index::open_or_build(folder, snapshot, &world().analyzer, embedder).unwrap()
}

fn open(folder: &Path) -> Origin {
    let (index, origin) = open_as(folder, &world().snapshot, Some(&world().model));
    assert_eq!(index.documents.len(), world().snapshot.entries.len());
    assert_eq!(index.lexical.len(), index.documents.len());
    assert!(index.vectors.is_some());
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
    assert!(all.len() >= 4, "{all:?}");
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "lock");
    for path in all.iter().filter(|path| !is_lock(path)) {
        // A rebuilt index has other segment names; what is no longer there was damaged in its turn before.
        let Ok(bytes) = fs::read(path) else { continue };
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(open(folder.path()), Origin::Built, "{} was cut in half", path.display());
        assert_eq!(open(folder.path()), Origin::Opened);
    }
    for name in ["index.json", "documents.bin", "vectors.bin"] {
        fs::remove_file(home(folder.path()).join(name)).unwrap();
        assert_eq!(open(folder.path()), Origin::Built, "{name} was gone");
    }
}

#[test]
fn another_desk_another_model_or_another_version_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path());
    let mut desk = sample_desk();
    desk.entries.truncate(6);
    let smaller = Snapshot::of(desk, TODAY);
    let (index, origin) = open_as(folder.path(), &smaller, Some(&world().model));
    assert_eq!((origin, index.documents.len()), (Origin::Built, smaller.entries.len()));
    assert!(smaller.entries.len() < world().snapshot.entries.len());
    assert_eq!(open_as(folder.path(), &smaller, None).1, Origin::Built, "without vectors");
    assert!(open_as(folder.path(), &smaller, None).0.vectors.is_none());
    // The right name with a fingerprint of something else inside.
    assert_eq!(open(folder.path()), Origin::Built);
    let manifest = home(folder.path()).join("index.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let from = text.find("\"fingerprint\": \"").unwrap() + 16;
    fs::write(&manifest, format!("{}{}{}", &text[..from + 60], "0000", &text[from + 64..])).unwrap();
    assert_eq!(open(folder.path()), Origin::Built);
}

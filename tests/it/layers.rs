//! The layers of ARCHITECTURE.md: which crate may be named where, and which module may use which. Read from the source,
//! so that a breach fails here before a reviewer has to find it.

use std::fs;
use std::path::Path;

/// `what` may be named only in files whose path under `src/` starts with one of `only`.
struct Confined {
    what: &'static [&'static str],
    only: &'static [&'static str],
}

const CRATES: [Confined; 10] = [
    Confined { what: &["tantivy::"], only: &["index/lexical.rs"] },
    Confined {
        what: &["lindera::", "lindera_analysis::", "lindera_dictionary::"],
        only: &["text/segment.rs"],
    },
    Confined { what: &["tokenizers::", "safetensors::"], only: &["embed/"] },
    Confined { what: &["tch::", "rust_bert::", "hf_hub::"], only: &["embed/transformer/"] },
    Confined { what: &["sqlx::"], only: &["store/"] },
    Confined { what: &["axum::", "utoipa::", "askama::", "hyper::", "tower_http::"], only: &["http/"] },
    Confined { what: &["env::var", "env::vars", "env::set_var", "env::remove_var"], only: &["config.rs"] },
    Confined { what: &["indicatif::"], only: &["command/", "embed/train", "eval/", "fit/", "main.rs"] },
    Confined { what: &["argon2::"], only: &["app/"] },
    Confined { what: &["clap::"], only: &["command/", "main.rs", "eval/", "fit/", "embed/train"] },
];

/// Neither clock nor randomness nor files: callers pass times and ids.
const PURE: [&str; 4] = ["kb/", "answer/", "chat/", "handoff/"];
const IMPURE: [&str; 7] =
    ["SystemTime", "Zoned::now", "Timestamp::now", "Instant::now", "rand::random", "rand::rng", "thread_rng"];

/// A stopwatch is no clock: the Trace says how long an answer took.
const STOPWATCH: (&str, &str) = ("answer/engine.rs", "Instant::now");

/// Modules a module must not use: everything downstream of it.
const DOWNSTREAM: [(&str, &[&str]); 12] = [
    (
        "text/",
        &["embed", "kb", "index", "answer", "chat", "handoff", "store", "app", "http", "eval", "config"],
    ),
    ("embed/", &["kb", "index", "answer", "chat", "handoff", "store", "app", "http", "config"]),
    ("kb/", &["embed", "index", "answer", "chat", "handoff", "store", "app", "http", "eval", "config"]),
    (
        "sheet/",
        &[
            "text", "embed", "kb", "index", "answer", "chat", "handoff", "store", "app", "http", "eval",
            "config",
        ],
    ),
    ("impact/", &["chat", "handoff", "store", "app", "http", "config", "publish"]),
    ("index/", &["answer", "chat", "handoff", "store", "app", "http", "eval", "config"]),
    ("answer/", &["chat", "handoff", "store", "app", "http", "eval", "config", "publish"]),
    ("chat/", &["index", "store", "app", "http", "eval", "config", "publish"]),
    ("handoff/", &["index", "store", "app", "http", "eval", "config", "publish"]),
    ("privacy/", &["index", "answer", "chat", "handoff", "store", "app", "http", "eval", "config"]),
    ("store/", &["index", "app", "http", "eval", "config", "publish"]),
    ("app/", &["index", "http", "eval", "config"]),
];

/// Every breach in the file `path` (relative to `src/`), as `path:line: reason`.
fn breaches(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let mut report = |reason: String| found.push(format!("{path}:{}: {reason}", number + 1));
        for Confined { what, only } in &CRATES {
            for name in what.iter().filter(|name| names(code, name)) {
                if !only.iter().any(|place| path.starts_with(place)) {
                    report(format!("{name} belongs in {}", only.join(", ")));
                }
            }
        }
        if PURE.iter().any(|place| path.starts_with(place)) {
            for name in IMPURE.iter().filter(|name| names(code, name)) {
                if (path, *name) != STOPWATCH {
                    report(format!("{name}: this module is pure; the caller passes it"));
                }
            }
        }
        for (_, modules) in DOWNSTREAM.iter().filter(|(from, _)| is_of(path, from)) {
            for module in modules.iter().filter(|module| names(code, &format!("crate::{module}::"))) {
                report(format!("crate::{module} is downstream"));
            }
        }
    }
    found
}

/// `name` as a path of its own: not the end of a longer word.
fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || c == '_'))
    })
}

/// A module's folder or the file of its name: `app/` and `app.rs`.
fn is_of(path: &str, folder: &str) -> bool {
    path.starts_with(folder) || path == format!("{}.rs", folder.trim_end_matches('/'))
}

fn visit(folder: &Path, root: &Path, found: &mut Vec<String>) -> usize {
    let mut files = 0;
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            files += visit(&path, root, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            // Training measures itself with the evaluation's metrics; tests may use what they like.
            if !relative.ends_with("_tests.rs") && !relative.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                found.extend(breaches(&relative, code));
            }
            files += 1;
        }
    }
    files
}

#[test]
fn every_module_keeps_to_its_layer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let files = visit(&root, &root, &mut found);
    assert!(files > 50, "only {files} files were read");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_breach_is_found_where_it_is() {
    let cases = [
        ("answer/engine.rs", "use tantivy::Index;", "answer/engine.rs:1: tantivy::"),
        ("index/lexical.rs", "\nuse lindera::dictionary::Dictionary;", "index/lexical.rs:2: lindera::"),
        ("embed/blend.rs", "use tch::Tensor;", "tch:: belongs in embed/transformer/"),
        ("app/desk.rs", "let row = sqlx::query(\"select 1\");", "sqlx:: belongs in store/"),
        ("chat/step.rs", "let now = jiff::Timestamp::now();", "Timestamp::now: this module is pure"),
        ("handoff/id.rs", "let id = rand::random();", "rand::random"),
        ("store/mod.rs", "let home = std::env::var(\"HOME\");", "env::var belongs in config.rs"),
        ("kb/mod.rs", "use crate::http::dto;", "crate::http is downstream"),
        ("app.rs", "use crate::http::dto;", "crate::http is downstream"),
        ("answer/mod.rs", "#[derive(utoipa::ToSchema)]", "utoipa:: belongs in http/"),
    ];
    for (path, code, expect) in cases {
        let found = breaches(path, code).join("\n");
        assert!(found.contains(expect), "{path} {code}: {found:?}");
    }
}

#[test]
fn what_is_allowed_is_no_breach() {
    for (path, code) in [
        ("index/lexical.rs", "use tantivy::Index;"),
        ("answer/engine.rs", "let begun = Instant::now();"),
        ("text/mod.rs", "// lindera::dictionary does the rest"),
        ("embed/mod.rs", "use my_tokenizers::Thing;"),
        ("app.rs", "use crate::store::Store;"),
    ] {
        assert_eq!(breaches(path, code), Vec::<String>::new(), "{path} {code}");
    }
}

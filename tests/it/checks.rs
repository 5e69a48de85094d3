//! The checks before publishing, run over the sample desk: reviewed entries must raise few alarms.

use std::collections::BTreeMap;

use madoguchi::kb::Entry;
use madoguchi::kb::checks::{CheckKind, Claims, Finding, check};

use crate::desk::sample_desk;
use crate::engine::engine;

fn findings() -> Vec<(String, Finding)> {
    let claims = Claims::parse(include_str!("../../kb/claims.toml")).unwrap();
    let desk = sample_desk();
    let mut found = Vec::new();
    for entry in &desk.entries {
        let near: Vec<&Entry> = engine()
            .search(&entry.question, 10)
            .into_iter()
            .filter_map(|near| desk.entries.iter().find(|other| other.id == near.entry_id))
            .collect();
        found.extend(check(entry, &near, &claims).into_iter().map(|finding| (entry.id.clone(), finding)));
    }
    found
}

#[test]
fn the_sample_desk_raises_few_alarms() {
    let found = findings();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, finding) in &found {
        *counts.entry(finding.kind.name()).or_default() += 1;
        println!(
            "{id}: {} {:?} | {:?} {:?}",
            finding.kind.name(),
            finding.excerpt,
            finding.other,
            finding.other_excerpt
        );
    }
    let entries = sample_desk().entries.len();
    println!("{entries} entries: {counts:?}");
    let of = |kind: CheckKind| counts.get(kind.name()).copied().unwrap_or_default();
    assert_eq!(of(CheckKind::ForbiddenClaim), 0);
    let grave = [CheckKind::Contradiction, CheckKind::DuplicateQuestion, CheckKind::DuplicateAnswer];
    let warnings: usize = grave.into_iter().map(of).sum();
    assert!(warnings * 50 <= entries, "{warnings} warnings in {entries} reviewed entries");
    let hints = found.len() - warnings;
    assert!(hints * 5 <= entries, "{hints} hints in {entries} reviewed entries");
}

//! The gate: figures of a run against a baseline kept in git. Each has a floor and an allowed drop; a publication or a
//! change of the engine that breaks either does not pass. Owns the format of eval/baseline.json.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::figures::{Table, is_lower_better, worsening};
use super::statistics::ones;

/// Bytes of a baseline that are read; one with every figure has a tenth of it.
const MAX_BASELINE: u64 = 1 << 20;

/// What a figure must keep to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The figure when the baseline was made.
    pub value: f64,
    /// The worst value that passes, whatever the baseline (a ceiling for figures of which lower is better).
    pub floor: f64,
    /// By how much it may be worse than the baseline.
    pub allowed_drop: f64,
}

/// eval/baseline.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Folder of the desk's files.
    pub kb: PathBuf,
    /// Cases, a file or folder.
    pub cases: PathBuf,
    /// Which half of the cases; empty for all.
    #[serde(default)]
    pub split: String,
    /// SHA-256 of the cases the values were measured on.
    #[serde(default)]
    pub data: String,
    /// Bounds by name of the figure.
    pub figures: BTreeMap<String, Bound>,
}

/// How one figure fares.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Name of the figure.
    pub name: String,
    /// Its bound.
    pub bound: Bound,
    /// Its value now; `None` where it is undefined.
    pub value: Option<f64>,
    /// Why it fails, in words; `None` when it passes.
    pub failure: Option<String>,
}

impl Baseline {
    /// Reads a baseline.
    ///
    /// # Errors
    /// The file cannot be read, is not a baseline, or bounds no figure.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let describe = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(describe)?;
        let mut bytes = Vec::new();
        file.take(MAX_BASELINE).read_to_end(&mut bytes).with_context(describe)?;
        let baseline: Self = serde_json::from_slice(&bytes).with_context(|| {
            format!("{} is not a baseline (docs/evaluation.md shows one)", path.display())
        })?;
        if baseline.figures.is_empty() {
            bail!("{} bounds no figure", path.display());
        }
        match baseline.figures.iter().find(|(_, bound)| bound.allowed_drop < 0.0) {
            Some((name, _)) => bail!("{}: the allowed_drop of {name} is below 0", path.display()),
            None => Ok(baseline),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Refuses a baseline that bounds what is no figure of `table`.
    ///
    /// # Errors
    /// Names it and the figures that there are.
    pub fn check_names(&self, table: &Table) -> anyhow::Result<()> {
        let known = table.names();
        match self.figures.keys().find(|name| !known.contains(name)) {
            Some(name) => {
                bail!("the baseline bounds {name:?}, which is no figure here: {}", known.join(", "))
            }
            None => Ok(()),
        }
    }

    /// Checks every bounded figure.
    pub fn check(&self, table: &Table) -> Vec<Check> {
        let weights = ones(table.len());
        let check = |(name, bound): (&String, &Bound)| {
            let value = table.value(name, &weights);
            Check { name: name.clone(), bound: *bound, value, failure: failure(name, bound, value) }
        };
        self.figures.iter().map(check).collect()
    }

    /// Takes the values of `table` as the new baseline; floors and allowed drops stay.
    ///
    /// # Errors
    /// A figure is undefined or breaks its floor: an update must not be the way around it.
    pub fn update(&mut self, table: &Table, data: &str) -> anyhow::Result<()> {
        let weights = ones(table.len());
        for (name, bound) in &mut self.figures {
            let Some(value) = table.value(name, &weights) else {
                bail!("{name} is undefined on these cases")
            };
            let value = (value * 1e6).round() / 1e6;
            if worsening(name, bound.floor, value) > 1e-9 {
                bail!(
                    "{name} is {value}, beyond its floor {}; change the floor by hand if that is meant",
                    bound.floor
                );
            }
            bound.value = value;
        }
        self.data = data.to_owned();
        Ok(())
    }
}

/// Rounding in the baseline must not fail the engine it was made from.
const TOLERANCE: f64 = 1e-6;

fn failure(name: &str, bound: &Bound, value: Option<f64>) -> Option<String> {
    let Some(value) = value else { return Some("undefined on these cases".into()) };
    if worsening(name, bound.floor, value) > TOLERANCE {
        let limit = if is_lower_better(name) { "above the ceiling" } else { "below the floor" };
        return Some(format!("{limit} {:.4}", bound.floor));
    }
    let drop = worsening(name, bound.value, value);
    (drop > bound.allowed_drop + TOLERANCE)
        .then(|| format!("worse by {drop:.4} than the baseline; allowed {:.4}", bound.allowed_drop))
}

#[cfg(test)]
mod tests {
    use super::super::answers::{AnswerOptions, Answerer, run_answers};
    use super::super::broken::ShuffledAnswerer;
    use super::super::fake::{self, FakeDesk};
    use super::*;

    fn table(answerer: &dyn Answerer) -> Table {
        run_answers(&fake::cases(), answerer, &AnswerOptions::default()).table()
    }

    fn baseline() -> Baseline {
        let bound = |floor, allowed_drop| Bound { value: 0.0, floor, allowed_drop };
        let figures =
            [("top1", bound(0.5, 0.02)), ("wrong_answer_rate", bound(0.6, 0.0)), ("ece", bound(0.9, 0.01))];
        let mut baseline = Baseline {
            kb: "kb".into(),
            cases: "eval/cases".into(),
            split: String::new(),
            data: String::new(),
            figures: figures.into_iter().map(|(name, bound)| (name.to_owned(), bound)).collect(),
        };
        baseline.update(&table(&FakeDesk::default()), "hash").expect("within floors");
        baseline
    }

    fn failures(baseline: &Baseline, table: &Table) -> Vec<String> {
        baseline
            .check(table)
            .into_iter()
            .filter_map(|check| Some(format!("{}: {}", check.name, check.failure?)))
            .collect()
    }

    #[test]
    fn the_same_engine_passes_and_a_broken_one_fails() {
        let (baseline, desk) = (baseline(), FakeDesk::default());
        assert_eq!(failures(&baseline, &table(&desk)), Vec::<String>::new());
        let broken = failures(&baseline, &table(&ShuffledAnswerer { inner: &desk, seed: 1 }));
        assert!(broken.iter().any(|failure| failure.starts_with("top1: below the floor")), "{broken:?}");
    }

    #[test]
    fn a_drop_within_the_floor_fails_when_it_is_larger_than_allowed() {
        let mut baseline = baseline();
        if let Some(bound) = baseline.figures.get_mut("top1") {
            *bound = Bound { value: 0.9, floor: 0.1, allowed_drop: 0.02 };
        }
        if let Some(bound) = baseline.figures.get_mut("wrong_answer_rate") {
            *bound = Bound { value: 0.1, floor: 0.2, allowed_drop: 0.02 };
        }
        let broken = failures(&baseline, &table(&FakeDesk::default()));
        assert!(broken.iter().any(|failure| failure.starts_with("top1: worse by 0.2333")), "{broken:?}");
        assert!(
            broken.iter().any(|failure| failure.starts_with("wrong_answer_rate: above the ceiling")),
            "{broken:?}"
        );
    }

    #[test]
    fn a_baseline_survives_its_file_and_a_wrong_one_is_named() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        baseline().write(file.path()).expect("written");
        assert_eq!(Baseline::read(file.path()).expect("readable"), baseline());
        let mut wrong = baseline();
        wrong.figures.insert("top-1".into(), Bound { value: 0.0, floor: 0.0, allowed_drop: 0.0 });
        let error = wrong.check_names(&table(&FakeDesk::default())).expect_err("unknown").to_string();
        assert!(error.contains("\"top-1\"") && error.contains("top1, "), "{error}");
        baseline().check_names(&table(&FakeDesk::default())).expect("known");
        wrong.figures.insert("top1".into(), Bound { value: 0.0, floor: 0.0, allowed_drop: -0.1 });
        wrong.write(file.path()).expect("written");
        let error = Baseline::read(file.path()).expect_err("no drop").to_string();
        assert!(error.contains("allowed_drop of top1"), "{error}");
        std::fs::write(file.path(), "{\"figures\":{}}").expect("written");
        let error = format!("{:#}", Baseline::read(file.path()).expect_err("incomplete"));
        assert!(error.contains("is not a baseline") && error.contains("missing field"), "{error}");
    }

    #[test]
    fn an_update_cannot_go_below_the_floor() {
        let mut baseline = baseline();
        let desk = FakeDesk::default();
        let error = baseline
            .update(&table(&ShuffledAnswerer { inner: &desk, seed: 1 }), "hash")
            .expect_err("too bad");
        assert!(error.to_string().contains("floor"), "{error}");
    }
}

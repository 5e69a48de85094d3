//! Compares two scored runs item by item: which figures differ, by how much, how surely, and which items changed. Owns
//! the statistics of pairs; works on what `--json` wrote, so runs of different versions can be compared.

use std::collections::HashMap;

use anyhow::bail;
use rand_chacha::rand_core::Rng;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::figures::{Column, Table, interval_json, is_lower_better, rounded, worsening};
use super::scored::ScoredRun;
use super::statistics::{Bootstrap, Confidences, Interval, ones, stream};

/// How differences are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompareOptions {
    /// Intervals of the differences.
    pub bootstrap: Bootstrap,
    /// Random assignments in the randomisation test.
    pub permutations: usize,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self { bootstrap: Bootstrap::default(), permutations: 10_000 }
    }
}

/// One figure in both runs, over the items they share.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Name of the figure.
    pub name: String,
    /// Value in A.
    pub a: f64,
    /// Value in B.
    pub b: f64,
    /// 95% interval of B − A by the paired bootstrap (Efron and Tibshirani 1993; for retrieval Sakai 2006).
    pub interval: Option<Interval>,
    /// Two-sided p-value of Fisher's randomisation test: how often a difference this large comes up when each item's two
    /// results are exchanged at random (Smucker, Allan and Carterette 2007; the count starts at 1, Phipson and Smyth 2010).
    pub p: f64,
}

impl Difference {
    /// By how much B is worse; negative when it is better.
    pub fn worsening(&self) -> f64 {
        worsening(&self.name, self.a, self.b)
    }

    /// The difference as a JSON object, without its name.
    pub fn to_json(&self) -> Value {
        json!({
            "a": rounded(Some(self.a)),
            "b": rounded(Some(self.b)),
            "difference": rounded(Some(self.b - self.a)),
            "interval": interval_json(self.interval),
            "p": rounded(Some(self.p)),
            "better": if is_lower_better(&self.name) { "lower" } else { "higher" },
        })
    }
}

/// A part of the items in both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Category.
    pub name: String,
    /// Items in it.
    pub items: usize,
    /// Figures, without tests: parts are small.
    pub figures: Vec<(String, f64, f64)>,
}

/// Two runs compared.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Figures that both runs define, over the shared items.
    pub differences: Vec<Difference>,
    /// By category, in A's order.
    pub parts: Vec<Part>,
    /// Positions in A and B of shared items that came out differently.
    pub changed: Vec<(usize, usize)>,
    /// Shared items.
    pub shared: usize,
    /// Items only A has.
    pub only_a: usize,
    /// Items only B has.
    pub only_b: usize,
    /// Whether both say they used the same data.
    pub same_data: bool,
}

/// Compares B with A over the items both have.
///
/// # Errors
/// They share no item.
pub fn compare(a: &ScoredRun, b: &ScoredRun, options: &CompareOptions) -> anyhow::Result<Comparison> {
    let position: HashMap<&str, usize> =
        b.table.ids.iter().enumerate().map(|(i, id)| (id.as_str(), i)).collect();
    let pairs: Vec<(usize, usize)> =
        a.table.ids.iter().enumerate().filter_map(|(i, id)| Some((i, *position.get(id.as_str())?))).collect();
    if pairs.is_empty() {
        bail!("{} and {} share no item", a.name, b.name);
    }
    let (left, right): (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
    let both = Both::new(&a.table.select(&left), &b.table.select(&right));
    let changed = |&&(i, j): &&(usize, usize)| a.outcome(i) != b.outcome(j);
    Ok(Comparison {
        differences: both.differences(options),
        parts: both.parts(),
        changed: pairs.iter().filter(changed).copied().collect(),
        shared: pairs.len(),
        only_a: a.table.len() - pairs.len(),
        only_b: b.table.len() - pairs.len(),
        same_data: a.summary.get("data") == b.summary.get("data"),
    })
}

/// The figures called `names` that two tables over the same items both define, with their differences.
pub fn differences(a: &Table, b: &Table, names: &[&str], options: &CompareOptions) -> Vec<Difference> {
    let mut both = Both::new(a, b);
    both.names.retain(|name| names.contains(&name.as_str()));
    both.differences(options)
}

/// Both runs in one table, A's items first: a figure of either, or of any exchange of items, is then a matter of weights.
struct Both {
    table: Table,
    items: usize,
    names: Vec<String>,
}

/// A figure under test.
struct Tested {
    name: String,
    a: f64,
    b: f64,
    /// What each item adds to the difference, where the figure is a mean over the same items in both runs.
    paired: Option<Vec<f64>>,
}

impl Tested {
    /// Exchanges tried. Figures that are no such means take a sort each, so large runs get fewer: 20 million items in all.
    fn permutations(&self, items: usize, options: &CompareOptions) -> usize {
        let affordable = (20_000_000 / items.max(1)).max(200);
        if self.paired.is_some() { options.permutations } else { options.permutations.min(affordable) }
    }
}

impl Both {
    fn new(a: &Table, b: &Table) -> Self {
        let shared = a.names().into_iter().filter(|name| b.names().contains(name));
        let names: Vec<String> = shared.collect();
        let columns = a.columns.iter().filter_map(|left| {
            let right = b.columns.iter().find(|right| right.name == left.name)?;
            Some(Column { name: left.name.clone(), values: [&left.values[..], &right.values].concat() })
        });
        let joined = |left: &Confidences, right: &Confidences| {
            Confidences::new(left.items().iter().chain(right.items()).copied())
        };
        let table = Table {
            ids: Vec::new(),
            categories: a.categories.clone(),
            columns: columns.collect(),
            confidences: joined(&a.confidences, &b.confidences),
            answerable: joined(&a.answerable, &b.answerable),
        };
        Self { table, items: a.len(), names }
    }

    /// The figure of A and of B, each item counted as often as its weight.
    fn values(&self, name: &str, weights: &[u32]) -> Option<(f64, f64)> {
        let none = vec![0; self.items];
        let a = self.table.value(name, &[weights, &none].concat())?;
        let b = self.table.value(name, &[&none, weights].concat())?;
        Some((a, b))
    }

    fn differences(&self, options: &CompareOptions) -> Vec<Difference> {
        let weights = ones(self.items);
        let tested = |name: &String| {
            let (a, b) = self.values(name, &weights)?;
            Some(Tested { name: name.clone(), a, b, paired: self.paired(name) })
        };
        let tested: Vec<Tested> = self.names.iter().filter_map(tested).collect();
        let intervals = options.bootstrap.intervals(self.items, |weights| {
            tested.iter().map(|figure| self.values(&figure.name, weights).map(|(a, b)| b - a)).collect()
        });
        let far = self.count_as_far(&tested, options);
        let difference = |((figure, interval), far): ((Tested, Option<Interval>), usize)| {
            let permutations = figure.permutations(self.items, options);
            let p = if figure.a == figure.b { 1.0 } else { (far + 1) as f64 / (permutations + 1) as f64 };
            Difference { name: figure.name, a: figure.a, b: figure.b, interval, p }
        };
        tested.into_iter().zip(intervals).zip(far).map(difference).collect()
    }

    /// For each figure, the number of random exchanges with a difference at least as large as the real one.
    fn count_as_far(&self, figures: &[Tested], options: &CompareOptions) -> Vec<usize> {
        // A stream of its own, apart from those of the bootstrap.
        let seed = options.bootstrap.seed ^ 0x5249_5348;
        let far = |permutation: usize| -> Vec<usize> {
            let mut random = stream(seed, permutation as u64);
            let mut first: Vec<u32> = (0..self.items).map(|_| random.next_u32() & 1).collect();
            first.extend_from_within(..);
            first[self.items..].iter_mut().for_each(|weight| *weight ^= 1);
            let second: Vec<u32> = first.iter().map(|weight| weight ^ 1).collect();
            let is_far = |figure: &Tested| {
                if figure.a == figure.b || permutation >= figure.permutations(self.items, options) {
                    return false;
                }
                let difference = match &figure.paired {
                    Some(paired) => {
                        let signed =
                            paired.iter().zip(&first).map(|(d, kept)| if *kept == 1 { *d } else { -d });
                        Some(signed.sum::<f64>())
                    }
                    None => {
                        let exchanged = self
                            .table
                            .value(&figure.name, &first)
                            .zip(self.table.value(&figure.name, &second));
                        exchanged.map(|(one, other)| one - other)
                    }
                };
                difference.is_some_and(|difference| difference.abs() >= (figure.a - figure.b).abs() - 1e-12)
            };
            figures.iter().map(|figure| usize::from(is_far(figure))).collect()
        };
        let add = |mut sum: Vec<usize>, far: Vec<usize>| {
            sum.iter_mut().zip(far).for_each(|(sum, far)| *sum += far);
            sum
        };
        (0..options.permutations).into_par_iter().map(far).reduce(|| vec![0; figures.len()], add)
    }

    /// What each item adds to the difference of the means of a column that concerns the same items in both runs; `None`
    /// for other figures.
    fn paired(&self, name: &str) -> Option<Vec<f64>> {
        let column = self.table.columns.iter().find(|column| column.name == name)?;
        let (a, b) = column.values.split_at(self.items);
        let defined = a.iter().flatten().count();
        let difference = |(a, b): (&Option<f64>, &Option<f64>)| match (a, b) {
            (Some(a), Some(b)) => Some((b - a) / defined as f64),
            (None, None) => Some(0.0),
            _ => None,
        };
        a.iter().zip(b).map(difference).collect()
    }

    fn parts(&self) -> Vec<Part> {
        let part = |(name, weights, items): (String, Vec<u32>, usize)| Part {
            name,
            items,
            figures: self
                .names
                .iter()
                .filter_map(|name| self.values(name, &weights).map(|(a, b)| (name.clone(), a, b)))
                .collect(),
        };
        self.table.by_category().into_iter().map(part).collect()
    }
}

/// A limit of `--fail-if-worse`, written `METRIC:MARGIN`.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// Name of the figure; may hold colons itself.
    pub metric: String,
    /// By how much B may be worse.
    pub margin: f64,
}

impl std::str::FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not METRIC:MARGIN, such as top1:0.02");
        let (metric, margin) = text.rsplit_once(':').ok_or_else(wrong)?;
        let margin: f64 = margin.parse().map_err(|_| wrong())?;
        if metric.is_empty() || !margin.is_finite() || margin < 0.0 {
            return Err(wrong());
        }
        Ok(Self { metric: metric.to_owned(), margin })
    }
}

impl Comparison {
    /// Which limits B breaks, in words.
    ///
    /// # Errors
    /// A limit names a figure that the runs do not both define.
    pub fn broken_limits(&self, limits: &[Limit]) -> anyhow::Result<Vec<String>> {
        let mut broken = Vec::new();
        for Limit { metric, margin } in limits {
            let Some(difference) = self.differences.iter().find(|difference| difference.name == *metric)
            else {
                let names: Vec<&str> =
                    self.differences.iter().map(|difference| difference.name.as_str()).collect();
                bail!("both runs must define {metric:?}; they share: {}", names.join(", "));
            };
            let worse = difference.worsening();
            if worse > margin + 1e-9 {
                let Difference { a, b, p, .. } = difference;
                broken.push(format!(
                    "{metric} is worse by {worse:.4} (A {a:.4}, B {b:.4}, p {p:.4}); allowed {margin}"
                ));
            }
        }
        Ok(broken)
    }

    /// The comparison as one JSON object.
    pub fn to_json(&self, a: &ScoredRun, b: &ScoredRun) -> Value {
        let difference = |difference: &Difference| (difference.name.clone(), difference.to_json());
        let part = |part: &Part| {
            let figures = part
                .figures
                .iter()
                .map(|(name, a, b)| (name.clone(), json!({"a": rounded(Some(*a)), "b": rounded(Some(*b))})));
            (part.name.clone(), json!({"items": part.items, "figures": Value::Object(figures.collect())}))
        };
        let changed =
            |&(i, j): &(usize, usize)| json!({"id": a.table.ids[i], "a": a.item(i), "b": b.item(j)});
        json!({
            "a": a.name,
            "b": b.name,
            "shared": self.shared,
            "only_a": self.only_a,
            "only_b": self.only_b,
            "same_data": self.same_data,
            "metrics": Value::Object(self.differences.iter().map(difference).collect()),
            "by_category": Value::Object(self.parts.iter().map(part).collect()),
            "changed": self.changed.iter().map(changed).collect::<Vec<Value>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::answers::{AnswerOptions, Answerer, run_answers};
    use super::super::broken::ShuffledAnswerer;
    use super::super::fake::{self, FakeDesk};
    use super::*;

    fn scored(name: &str, answerer: &dyn Answerer) -> ScoredRun {
        let run = run_answers(&fake::cases(), answerer, &AnswerOptions::default());
        let mut value = run.summary();
        value["results"] = run.results_json().into();
        ScoredRun::parse(name, value.to_string().as_bytes()).expect("as written")
    }

    fn made_up(values: &[f64]) -> ScoredRun {
        let item = |(i, value): (usize, &f64)| json!({"id": format!("q{i}"), "scores": {"m": value}});
        let results: Vec<Value> = values.iter().enumerate().map(item).collect();
        let text = json!({ "results": results }).to_string();
        ScoredRun::parse("made up", text.as_bytes()).expect("well formed")
    }

    #[test]
    fn the_same_engine_twice_is_never_worse() {
        let (a, b) = (scored("a", &FakeDesk::default()), scored("b", &FakeDesk::default()));
        let comparison = compare(&a, &b, &CompareOptions::default()).expect("shared items");
        assert!(comparison.same_data && comparison.changed.is_empty());
        assert!(
            comparison.differences.iter().all(|d| d.a == d.b && d.p == 1.0 && d.interval == Some([0.0; 2]))
        );
        let limits: Vec<Limit> = comparison
            .differences
            .iter()
            .map(|difference| Limit { metric: difference.name.clone(), margin: 0.0 })
            .collect();
        assert_eq!(comparison.broken_limits(&limits).expect("known"), Vec::<String>::new());
    }

    #[test]
    fn a_broken_engine_is_worse_and_its_changed_cases_are_shown() {
        let desk = FakeDesk::default();
        let (a, b) = (scored("a", &desk), scored("b", &ShuffledAnswerer { inner: &desk, seed: 1 }));
        let comparison = compare(&a, &b, &CompareOptions::default()).expect("shared items");
        let limit: Limit = "top1:0.1".parse().expect("well formed");
        assert_eq!(comparison.broken_limits(&[limit]).expect("known").len(), 1);
        assert!(!comparison.changed.is_empty());
        let json = comparison.to_json(&a, &b);
        assert!(json["changed"][0]["a"]["trace"]["candidates"].is_array());
        assert!(json["by_category"]["税務"]["figures"]["top1"]["a"].is_number());
        let error =
            comparison.broken_limits(&["nonsense:1".parse().expect("well formed")]).expect_err("unknown");
        assert!(error.to_string().contains("top1"));
    }

    #[test]
    fn the_randomisation_test_is_exact_where_it_can_be_counted() {
        // Five pairs that all improve by 1: of the 32 sign assignments two are as extreme, so p = 2/32.
        let comparison = compare(
            &made_up(&[0.0; 5]),
            &made_up(&[1.0; 5]),
            &CompareOptions { permutations: 20_000, ..CompareOptions::default() },
        )
        .expect("shared items");
        let difference = &comparison.differences[0];
        assert!((difference.p - 0.0625).abs() < 0.01, "{}", difference.p);
        assert_eq!(difference.interval, Some([1.0, 1.0]));
    }

    #[test]
    fn noise_is_not_significant_and_a_steady_gain_is() {
        let base: Vec<f64> = (0..200).map(|i| f64::from(i % 7) / 7.0).collect();
        let noisy: Vec<f64> =
            base.iter().zip(0..).map(|(v, i)| v + if i % 2 == 0 { 0.1 } else { -0.1 }).collect();
        let better: Vec<f64> =
            base.iter().zip(0..).map(|(v, i)| v + if i % 4 == 0 { -0.1 } else { 0.1 }).collect();
        let p = |other: &[f64]| {
            compare(&made_up(&base), &made_up(other), &CompareOptions::default()).expect("shared").differences
                [0]
            .p
        };
        assert!(p(&noisy) > 0.5 && p(&better) < 0.001, "{} {}", p(&noisy), p(&better));
    }

    #[test]
    fn limits_are_read_from_the_right() {
        let limit: Limit = "handoff_recall:security:0.05".parse().expect("well formed");
        assert_eq!(limit, Limit { metric: "handoff_recall:security".into(), margin: 0.05 });
        for wrong in ["top1", "top1:x", ":0.1", "top1:-1", "top1:NaN"] {
            assert!(wrong.parse::<Limit>().is_err(), "{wrong}");
        }
    }
}

//! Items (queries or cases) × metrics: the one table that summaries, comparisons, gates and reports are made from.
//! Owns the names of metrics, which way is better, and intervals; knows nothing of how an item was scored.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::statistics::{Bin, Bootstrap, Confidences, Interval, mean, ones};

/// One metric over all items.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name, as in the JSON.
    pub name: String,
    /// Value per item; `None` where the metric does not concern the item.
    pub values: Vec<Option<f64>>,
}

/// Scores of many items.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Item ids, unique.
    pub ids: Vec<String>,
    /// Category of each item; may be empty.
    pub categories: Vec<String>,
    /// Metrics whose figure is the mean over the items that have a value.
    pub columns: Vec<Column>,
    /// Confidence of each item that has one, and whether its top entry was right.
    pub confidences: Confidences,
    /// Confidence of each item that has one, and whether it could be answered at all.
    pub answerable: Confidences,
}

/// One figure of a summary.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Name, as in the JSON.
    pub name: String,
    /// Value; `None` where it is undefined.
    pub value: Option<f64>,
    /// 95% bootstrap interval over the items.
    pub interval: Option<Interval>,
    /// Items that it is over.
    pub items: usize,
}

/// A measure of confidence over a table.
type Measure = fn(&Table, &[u32]) -> Option<f64>;

/// Measures of confidence, by name.
const MEASURES: [(&str, Measure); 10] = [
    ("auroc", |table, weights| table.confidences.auroc(weights)),
    ("coverage@90", |table, weights| table.confidences.coverage_at(0.90, weights)),
    ("coverage@95", |table, weights| table.confidences.coverage_at(0.95, weights)),
    ("coverage@99", |table, weights| table.confidences.coverage_at(0.99, weights)),
    ("ece", |table, weights| table.confidences.ece(weights)),
    ("ece_adaptive", |table, weights| table.confidences.ece_adaptive(weights)),
    ("ece_if_calibrated", |table, weights| table.confidences.ece_if_calibrated(weights)),
    ("brier", |table, weights| table.confidences.brier(weights)),
    ("aurc", |table, weights| table.confidences.aurc(weights)),
    ("auroc_answerable", |table, weights| table.answerable.auroc(weights)),
];

/// Whether a smaller value of the metric is better.
pub fn is_lower_better(name: &str) -> bool {
    matches!(
        name,
        "ece"
            | "ece_adaptive"
            | "ece_if_calibrated"
            | "brier"
            | "aurc"
            | "wrong_answer_rate"
            | "wrong_answers"
            | "p50_ms"
            | "p99_ms"
    ) || name.starts_with("false_handoff")
}

/// By how much `to` is worse than `from` in the metric called `name`; negative when it is better.
pub fn worsening(name: &str, from: f64, to: f64) -> f64 {
    if is_lower_better(name) { to - from } else { from - to }
}

impl Table {
    /// Number of items.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Names of all figures: the columns, then the measures of confidence where there are confidences.
    pub fn names(&self) -> Vec<String> {
        let columns = self.columns.iter().map(|column| column.name.clone());
        let concerns = |name: &str| {
            let about = if name == "auroc_answerable" { &self.answerable } else { &self.confidences };
            !about.is_empty()
        };
        let measures = MEASURES.iter().map(|(name, _)| (*name).to_owned()).filter(|name| concerns(name));
        columns.chain(measures).collect()
    }

    /// The figure called `name` with each item counted as often as its weight.
    pub fn value(&self, name: &str, weights: &[u32]) -> Option<f64> {
        if let Some(column) = self.columns.iter().find(|column| column.name == name) {
            return mean(&column.values, weights);
        }
        let (_, measure) = MEASURES.iter().find(|(measure, _)| *measure == name)?;
        measure(self, weights)
    }

    /// Number of items that the figure called `name` is over.
    fn count(&self, name: &str) -> usize {
        match self.columns.iter().find(|column| column.name == name) {
            Some(column) => column.values.iter().flatten().count(),
            None if name == "auroc_answerable" => self.answerable.len(),
            None => self.confidences.len(),
        }
    }

    /// All figures with their intervals.
    pub fn figures(&self, bootstrap: &Bootstrap) -> Vec<Figure> {
        let (names, weights) = (self.names(), ones(self.len()));
        let intervals = bootstrap
            .intervals(self.len(), |weights| names.iter().map(|name| self.value(name, weights)).collect());
        let mut intervals = intervals.into_iter();
        let figure = |name: String| Figure {
            value: self.value(&name, &weights),
            interval: intervals.next().flatten(),
            items: self.count(&name),
            name,
        };
        names.into_iter().map(figure).collect()
    }

    /// Categories in order of first appearance, each with a weight per item (1 inside, 0 outside) and the number inside.
    pub fn by_category(&self) -> Vec<(String, Vec<u32>, usize)> {
        let mut names: Vec<&String> = Vec::new();
        for category in &self.categories {
            if !category.is_empty() && !names.contains(&category) {
                names.push(category);
            }
        }
        let part = |name: &String| {
            let weights: Vec<u32> =
                self.categories.iter().map(|category| u32::from(category == name)).collect();
            let count = weights.iter().map(|&weight| weight as usize).sum();
            (name.clone(), weights, count)
        };
        names.into_iter().map(part).collect()
    }

    /// The item's scores as JSON: `scores` by metric, and `right` and `answerable` where confidence concerns it.
    pub fn item_json(&self, item: usize) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("id".into(), self.ids[item].clone().into());
        if let Some(category) = self.categories.get(item).filter(|category| !category.is_empty()) {
            object.insert("category".into(), category.clone().into());
        }
        let scores = self.columns.iter().filter_map(|column| {
            Some((column.name.clone(), rounded(Some(column.values.get(item).copied().flatten()?))))
        });
        object.insert("scores".into(), Value::Object(scores.collect()));
        let of = |confidences: &Confidences| confidences.items().get(item).copied().flatten();
        if let Some((confidence, right)) = of(&self.confidences) {
            object.insert("confidence".into(), rounded(Some(confidence)));
            object.insert("right".into(), right.into());
        }
        if let Some((_, answerable)) = of(&self.answerable) {
            object.insert("answerable".into(), answerable.into());
        }
        object
    }

    /// The table with only the given items, in the given order.
    pub fn select(&self, items: &[usize]) -> Self {
        let pick = |all: &[Option<(f64, bool)>]| {
            Confidences::new(items.iter().map(|&item| all.get(item).copied().flatten()))
        };
        Self {
            ids: items.iter().map(|&item| self.ids[item].clone()).collect(),
            categories: items.iter().filter_map(|&item| self.categories.get(item).cloned()).collect(),
            columns: self
                .columns
                .iter()
                .map(|column| Column {
                    name: column.name.clone(),
                    values: items.iter().map(|&item| column.values[item]).collect(),
                })
                .collect(),
            confidences: pick(self.confidences.items()),
            answerable: pick(self.answerable.items()),
        }
    }
}

/// Most metrics of an item read back; we write fewer than 60.
const MAX_COLUMNS: usize = 500;

/// Makes a [`Table`] of the items that [`Table::item_json`] wrote, one by one.
#[derive(Debug, Clone, Default)]
pub struct TableReader {
    table: Table,
    columns: HashMap<String, usize>,
    seen: HashSet<String>,
    right: Vec<Option<(f64, bool)>>,
    answerable: Vec<Option<(f64, bool)>>,
}

impl TableReader {
    /// Adds the next item.
    ///
    /// # Errors
    /// In words, what is not as it should be, and where.
    pub fn add(&mut self, item: &Value) -> Result<(), String> {
        let position = self.table.len();
        let wrong = |what: &str| format!("result {}: {what}", position + 1);
        let id = item["id"].as_str().ok_or_else(|| wrong("no id"))?;
        let scores = item["scores"].as_object().ok_or_else(|| wrong("no scores"))?;
        if !self.seen.insert(id.to_owned()) {
            return Err(wrong(&format!("the id {id:?} is there twice")));
        }
        for (name, value) in scores {
            let value = value.as_f64().ok_or_else(|| wrong(&format!("score {name} is not a number")))?;
            let column = self.column(name).ok_or_else(|| wrong("too many different scores"))?;
            column.values.resize(position, None);
            column.values.push(Some(value));
        }
        self.table.ids.push(id.to_owned());
        self.table.categories.push(item["category"].as_str().unwrap_or_default().to_owned());
        let confidence = item["confidence"].as_f64();
        let with = |key: &str| confidence.zip(item[key].as_bool());
        self.right.push(with("right"));
        self.answerable.push(with("answerable"));
        Ok(())
    }

    fn column(&mut self, name: &str) -> Option<&mut Column> {
        let position = match self.columns.get(name) {
            Some(&position) => position,
            None if self.columns.len() == MAX_COLUMNS => return None,
            None => {
                self.columns.insert(name.to_owned(), self.table.columns.len());
                self.table.columns.push(Column { name: name.to_owned(), values: Vec::new() });
                self.table.columns.len() - 1
            }
        };
        self.table.columns.get_mut(position)
    }

    /// The table of what was added.
    pub fn finish(mut self) -> Table {
        let items = self.table.len();
        self.table.columns.iter_mut().for_each(|column| column.values.resize(items, None));
        self.table.confidences = Confidences::new(self.right);
        self.table.answerable = Confidences::new(self.answerable);
        self.table
    }
}

/// `{name: value}` and `{name: [low, high]}` of figures.
pub fn figures_json(figures: &[Figure]) -> (Map<String, Value>, Map<String, Value>) {
    let values = figures.iter().map(|figure| (figure.name.clone(), rounded(figure.value)));
    let intervals = figures.iter().map(|figure| (figure.name.clone(), interval_json(figure.interval)));
    (values.collect(), intervals.collect())
}

/// Points of a risk–coverage curve in JSON at most; all are in the confidences of `results`.
const POINTS: usize = 200;

/// What the plots of confidence show: `reliability`, a bin each with its 95% interval (Wilson), and `risk_coverage` as
/// [coverage, error rate], most confident first. Empty without confidences.
pub fn curves_json(confidences: &Confidences) -> Map<String, Value> {
    if confidences.is_empty() {
        return Map::new();
    }
    let bins = confidences.bins(&ones(confidences.items().len()));
    let bin = |(bin, from): (&Bin, u8)| {
        json!({
            "from": rounded(Some(f64::from(from) / 10.0)),
            "to": rounded(Some(f64::from(from + 1) / 10.0)),
            "count": bin.count,
            "confidence": rounded(Some(bin.confidence)),
            "accuracy": rounded(Some(bin.accuracy)),
            "interval": interval_json(bin.interval()),
        })
    };
    let bins = bins.iter().zip(0u8..).filter(|(bin, _)| bin.count > 0).map(bin).collect::<Vec<Value>>();
    let curve = thinned(&confidences.risk_coverage(), POINTS);
    let curve = curve.into_iter().map(|(coverage, risk)| interval_json(Some([coverage, risk])));
    Map::from_iter([
        ("reliability".to_owned(), bins.into()),
        ("risk_coverage".to_owned(), curve.collect::<Vec<Value>>().into()),
    ])
}

/// At most about `limit` of the points of a curve, evenly, the last among them.
pub fn thinned(curve: &[(f64, f64)], limit: usize) -> Vec<(f64, f64)> {
    let (step, last) = (curve.len().div_ceil(limit).max(1), curve.len().saturating_sub(1));
    let chosen = curve.iter().enumerate().filter(|(i, _)| i % step == 0 || *i == last);
    chosen.map(|(_, point)| *point).collect()
}

/// A figure as JSON, to six decimals; undefined is null.
pub fn rounded(value: Option<f64>) -> Value {
    value.map_or(Value::Null, |value| json!((value * 1e6).round() / 1e6))
}

/// An interval as JSON; undefined is null.
pub fn interval_json(interval: Option<Interval>) -> Value {
    interval.map_or(Value::Null, |ends| ends.iter().map(|&end| rounded(Some(end))).collect())
}

/// The time below which a fraction `q` of `micros` (microseconds) lies, in milliseconds (nearest rank).
pub fn milliseconds(micros: impl IntoIterator<Item = u64>, q: f64) -> Option<f64> {
    let mut micros: Vec<u64> = micros.into_iter().collect();
    micros.sort_unstable();
    let rank = (q * micros.len() as f64).ceil() as usize;
    micros.get(rank.max(1) - 1).map(|&micros| micros as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let column =
            |name: &str, values: [Option<f64>; 3]| Column { name: name.into(), values: values.into() };
        Table {
            ids: ["a", "b", "c"].map(String::from).into(),
            categories: ["税務", "取引", "税務"].map(String::from).into(),
            columns: vec![
                column("top1", [Some(1.0), Some(0.0), None]),
                column("false_handoff", [None, None, Some(1.0)]),
            ],
            confidences: Confidences::new([Some((0.9, true)), Some((0.25, false)), None]),
            answerable: Confidences::new([Some((0.9, true)), Some((0.25, true)), None]),
        }
    }

    #[test]
    fn a_figure_is_over_the_items_it_concerns() {
        let table = table();
        assert_eq!(table.value("top1", &ones(3)), Some(0.5));
        assert_eq!(table.value("false_handoff", &[1, 1, 0]), None);
        assert_eq!(table.value("auroc", &ones(3)), Some(1.0));
        assert_eq!(table.value("auroc_answerable", &ones(3)), None);
        assert_eq!(table.value("no such", &ones(3)), None);
        let over: Vec<usize> =
            table.figures(&Bootstrap::default()).iter().map(|figure| figure.items).collect();
        assert_eq!((over.len(), over[0], over[1], over[2]), (12, 2, 1, 2));
        let parts = table.by_category();
        assert_eq!(parts[0], ("税務".to_owned(), vec![1, 0, 1], 2));
        assert_eq!(table.select(&[2, 0]).value("top1", &ones(2)), Some(1.0));
    }

    #[test]
    fn a_table_survives_its_json() {
        let table = table();
        let items: Vec<Value> = (0..3).map(|item| Value::Object(table.item_json(item))).collect();
        let mut reader = TableReader::default();
        items.iter().for_each(|item| reader.add(item).expect("as written"));
        let error = reader.add(&items[0]).expect_err("twice");
        assert!(error.contains("result 4: the id \"a\" is there twice"), "{error}");
        let again = reader.finish();
        assert_eq!(again.ids, table.ids);
        for name in table.names() {
            assert_eq!(again.value(&name, &ones(3)), table.value(&name, &ones(3)), "{name}");
        }
        let item = json!({"id": "a", "scores": {"x": "y"}});
        let error = TableReader::default().add(&item).expect_err("not a number");
        assert!(error.contains("result 1: score x"), "{error}");
    }

    #[test]
    fn the_curves_of_confidence_are_those_that_are_plotted() {
        let curves = Value::Object(curves_json(&table().confidences));
        assert_eq!(
            curves["reliability"][0],
            json!({"from": 0.2, "to": 0.3, "count": 1, "confidence": 0.25, "accuracy": 0.0, "interval": [0.0, 0.793451]})
        );
        assert_eq!(curves["risk_coverage"], json!([[0.5, 0.0], [1.0, 0.5]]));
        assert_eq!(curves_json(&Confidences::default()), Map::new());
        let curve: Vec<(f64, f64)> = (0..1001).map(|i| (f64::from(i), 0.0)).collect();
        let thin = thinned(&curve, 100);
        assert!(thin.len() <= 101 && thin.last() == curve.last(), "{}", thin.len());
    }

    #[test]
    fn worse_is_lower_for_most_and_higher_for_errors() {
        assert!(worsening("top1", 0.5, 0.4) > 0.0);
        assert!(worsening("ece", 0.1, 0.05) < 0.0);
        assert!(worsening("false_handoff:complaint", 0.1, 0.2) > 0.0);
    }
}

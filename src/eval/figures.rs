//! Items (queries or cases) × metrics: the one table that summaries, comparisons, gates and reports are made from.
//! Owns the names of metrics, which way is better, and intervals; knows nothing of how an item was scored.

use serde_json::{Map, Value, json};

use super::statistics::{Bootstrap, Confidences, Interval, mean, ones};

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
}

/// A measure of confidence over a table.
type Measure = fn(&Table, &[u32]) -> Option<f64>;

/// Measures of confidence, by name.
const MEASURES: [(&str, Measure); 9] = [
    ("auroc", |table, weights| table.confidences.auroc(weights)),
    ("coverage@90", |table, weights| table.confidences.coverage_at(0.90, weights)),
    ("coverage@95", |table, weights| table.confidences.coverage_at(0.95, weights)),
    ("coverage@99", |table, weights| table.confidences.coverage_at(0.99, weights)),
    ("ece", |table, weights| table.confidences.ece(weights)),
    ("ece_adaptive", |table, weights| table.confidences.ece_adaptive(weights)),
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
            | "brier"
            | "aurc"
            | "false_handoff"
            | "false_handoff_must"
            | "wrong_answer_rate"
            | "wrong_answers"
            | "p50_ms"
            | "p99_ms"
    )
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

    /// All figures with their intervals.
    pub fn figures(&self, bootstrap: &Bootstrap) -> Vec<Figure> {
        let (names, weights) = (self.names(), ones(self.len()));
        let intervals = bootstrap
            .intervals(self.len(), |weights| names.iter().map(|name| self.value(name, weights)).collect());
        let mut intervals = intervals.into_iter();
        let figure = |name: String| Figure {
            value: self.value(&name, &weights),
            interval: intervals.next().flatten(),
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

    /// Reads back the items that [`Table::item_json`] wrote.
    ///
    /// # Errors
    /// In words, what is not as it should be, and where.
    pub fn from_items(items: &[Value]) -> Result<Self, String> {
        let mut table = Table::default();
        let (mut right, mut answerable) = (Vec::new(), Vec::new());
        for (position, item) in items.iter().enumerate() {
            let wrong = |what: &str| format!("result {}: {what}", position + 1);
            let id = item["id"].as_str().ok_or_else(|| wrong("no id"))?;
            let scores = item["scores"].as_object().ok_or_else(|| wrong("no scores"))?;
            table.ids.push(id.to_owned());
            table.categories.push(item["category"].as_str().unwrap_or_default().to_owned());
            for (name, value) in scores {
                let value = value.as_f64().ok_or_else(|| wrong(&format!("score {name} is not a number")))?;
                let column = table.column(name, position);
                column.values.resize(position, None);
                column.values.push(Some(value));
            }
            let confidence = item["confidence"].as_f64();
            let with = |key: &str| confidence.zip(item[key].as_bool());
            right.push(with("right"));
            answerable.push(with("answerable"));
        }
        for column in &mut table.columns {
            column.values.resize(items.len(), None);
        }
        table.confidences = Confidences::new(right);
        table.answerable = Confidences::new(answerable);
        let mut seen = std::collections::HashSet::new();
        match table.ids.iter().find(|id| !seen.insert(id.as_str())) {
            Some(id) => Err(format!("the id {id:?} is there twice")),
            None => Ok(table),
        }
    }

    fn column(&mut self, name: &str, rows: usize) -> &mut Column {
        let position = self.columns.iter().position(|column| column.name == name).unwrap_or_else(|| {
            self.columns.push(Column { name: name.to_owned(), values: vec![None; rows] });
            self.columns.len() - 1
        });
        &mut self.columns[position]
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

/// `{name: value}` and `{name: [low, high]}` of figures.
pub fn figures_json(figures: &[Figure]) -> (Map<String, Value>, Map<String, Value>) {
    let values = figures.iter().map(|figure| (figure.name.clone(), rounded(figure.value)));
    let intervals = figures.iter().map(|figure| (figure.name.clone(), interval_json(figure.interval)));
    (values.collect(), intervals.collect())
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
        let parts = table.by_category();
        assert_eq!(parts[0], ("税務".to_owned(), vec![1, 0, 1], 2));
        assert_eq!(table.select(&[2, 0]).value("top1", &ones(2)), Some(1.0));
    }

    #[test]
    fn a_table_survives_its_json() {
        let table = table();
        let items: Vec<Value> = (0..3).map(|item| Value::Object(table.item_json(item))).collect();
        let again = Table::from_items(&items).expect("as written");
        assert_eq!(again.ids, table.ids);
        for name in table.names() {
            assert_eq!(again.value(&name, &ones(3)), table.value(&name, &ones(3)), "{name}");
        }
        let error = Table::from_items(&[json!({"id": "a", "scores": {"x": "y"}})]).expect_err("not a number");
        assert!(error.contains("result 1: score x"), "{error}");
    }

    #[test]
    fn worse_is_lower_for_most_and_higher_for_errors() {
        assert!(worsening("top1", 0.5, 0.4) > 0.0);
        assert!(worsening("ece", 0.1, 0.05) < 0.0);
    }
}

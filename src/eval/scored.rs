//! Runs as `--json` wrote them, read back for comparison. Owns the bounds: a file is read item by item, each kept as text,
//! so that what a file holds cannot take many times its size in memory.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::figures::{Table, TableReader};

/// Largest file read, in bytes. A case with its Trace takes about 4 KB.
const MAX_JSON: u64 = 256 << 20;

/// Most values that one item may hold; a case with its Trace has a few hundred.
const MAX_ITEM: usize = 100_000;

/// Most values that a file may hold besides its items: figures, hashes, parts.
const MAX_SUMMARY: usize = 1_000_000;

/// A run as `--json` wrote it.
#[derive(Debug, Clone)]
pub struct ScoredRun {
    /// The file it came from.
    pub name: String,
    /// The JSON object without `results`.
    pub summary: Map<String, Value>,
    /// Items × metrics.
    pub table: Table,
    /// The items as written, in the order of the table.
    items: Vec<Box<str>>,
    outcomes: Vec<Outcome>,
}

/// What of an item counts as its outcome: Decision, entry, reason and verdict of a case, the top document of a query.
pub type Outcome = [Option<Box<str>>; 5];

impl ScoredRun {
    /// Reads what `eval answers --json` or `eval retrieval --json` printed.
    ///
    /// # Errors
    /// The file cannot be read, is too large, is not JSON, or lacks `results`.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        if file.metadata().is_ok_and(|about| about.len() > MAX_JSON) {
            bail!(
                "{} is larger than {} MiB; run `eval` on fewer questions at a time",
                path.display(),
                MAX_JSON >> 20
            );
        }
        Self::parse(&path.display().to_string(), BufReader::new(file.take(MAX_JSON)))
    }

    /// The run in JSON text, called `name` in messages.
    ///
    /// # Errors
    /// It is not a JSON object, or lacks `results`.
    pub fn parse(name: &str, text: impl Read) -> anyhow::Result<Self> {
        let mut json = serde_json::Deserializer::from_reader(text);
        let parts = json
            .deserialize_map(FileVisitor)
            .and_then(|parts| json.end().map(|()| parts))
            .with_context(|| format!("{name} is not what `eval … --json` prints"))?;
        let Some(results) = parts.results else {
            bail!("{name} has no results per item; make it with `--json`, without `--summary`");
        };
        Ok(Self {
            name: name.to_owned(),
            summary: parts.summary,
            table: results.table.finish(),
            items: results.items,
            outcomes: results.outcomes,
        })
    }

    /// The item at `position` of the table, as written.
    pub fn item(&self, position: usize) -> Value {
        serde_json::from_str(&self.items[position]).unwrap_or_default()
    }

    /// How the item at `position` came out.
    pub fn outcome(&self, position: usize) -> &Outcome {
        &self.outcomes[position]
    }
}

fn outcome_of(item: &Value) -> Outcome {
    let text = |key: &str| item[key].as_str().map(Box::from);
    let top = if item.get("decision").is_some() { None } else { item["top"][0].as_str().map(Box::from) };
    [text("decision"), text("entry"), text("reason"), text("verdict"), top]
}

#[derive(Default)]
struct Parts {
    summary: Map<String, Value>,
    results: Option<Results>,
}

#[derive(Default)]
struct Results {
    table: TableReader,
    items: Vec<Box<str>>,
    outcomes: Vec<Outcome>,
}

struct FileVisitor;

impl<'de> Visitor<'de> for FileVisitor {
    type Value = Parts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts, A::Error> {
        let (mut parts, budget) = (Parts::default(), Cell::new(MAX_SUMMARY));
        while let Some(key) = map.next_key::<String>()? {
            if key == "results" {
                parts.results = Some(map.next_value_seed(ResultsSeed(RefCell::default()))?);
            } else {
                let value = map.next_value_seed(Bounded(&budget))?;
                parts.summary.insert(key, value);
            }
        }
        Ok(parts)
    }
}

struct ResultsSeed(RefCell<Results>);

impl<'de> DeserializeSeed<'de> for ResultsSeed {
    type Value = Results;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Results, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ResultsSeed {
    type Value = Results;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of results")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Results, A::Error> {
        let mut results = self.0.into_inner();
        while let Some(item) = seq.next_element_seed(Bounded(&Cell::new(MAX_ITEM)))? {
            results.table.add(&item).map_err(A::Error::custom)?;
            results.outcomes.push(outcome_of(&item));
            results.items.push(item.to_string().into());
        }
        Ok(results)
    }
}

/// Reads a JSON value of no more parts than the budget has left.
struct Bounded<'a>(&'a Cell<usize>);

impl Bounded<'_> {
    fn take<E: Error>(&self) -> Result<(), E> {
        let left = self.0.get().checked_sub(1);
        self.0.set(left.ok_or_else(|| E::custom("more values in one place than `eval` ever writes"))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.take()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Bounded(self.0))? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(Bounded(self.0))?;
            object.insert(key, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> anyhow::Result<ScoredRun> {
        ScoredRun::parse("run.json", text.as_bytes())
    }

    #[test]
    fn an_item_is_kept_as_it_was_written() {
        let item = r#"{"id":"a","scores":{"top1":1.0},"confidence":0.5,"right":true,"decision":"answer","entry":"fee","trace":{"tokens":["手数料",null,-1,18446744073709551615]}}"#;
        let run = parse(&format!(r#"{{"queries":1,"results":[{item}],"data":"x"}}"#)).expect("as written");
        assert_eq!(run.item(0).to_string(), item);
        assert_eq!(
            run.outcome(0).iter().flatten().map(AsRef::as_ref).collect::<Vec<&str>>(),
            ["answer", "fee"]
        );
        assert_eq!((run.table.len(), run.summary["data"].as_str()), (1, Some("x")));
    }

    #[test]
    fn what_is_not_a_run_is_refused_in_words() {
        let many = |count: usize| vec!["0"; count].join(",");
        let cases = [
            (String::new(), "EOF"),
            ("[]".to_owned(), "expected a JSON object"),
            (r#"{"queries":1}"#.to_owned(), "make it with `--json`, without `--summary`"),
            (r#"{"results":{}}"#.to_owned(), "expected a list of results"),
            (r#"{"results":[0]}"#.to_owned(), "result 1: no id"),
            (r#"{"results":[{"id":"a","scores":{}},{"id":"a","scores":{}}]}"#.to_owned(), "there twice"),
            (r#"{"results":[]} more"#.to_owned(), "trailing"),
            (format!(r#"{{"results":[{{"x":[{}]}}]}}"#, many(MAX_ITEM)), "more values"),
            (format!(r#"{{"x":[{}]}}"#, many(MAX_SUMMARY)), "more values"),
            (format!(r#"{{"results":{}"#, "[".repeat(100_000)), "recursion limit"),
        ];
        for (text, word) in cases {
            let error = format!("{:#}", parse(&text).expect_err("refused"));
            assert!(error.contains("run.json") && error.contains(word), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}\",:a-z0-9.eE+\\- ]{0,200}") {
            drop(parse(&text));
            drop(parse(&format!(r#"{{"results":[{{"id":"a","scores":{text}}}]}}"#)));
        }
    }
}

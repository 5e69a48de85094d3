//! The sections `[encoder]` and `[reranker]`: which transformers a desk uses and what they may take of the machine.

use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, Number, Resolver};
use crate::embed::transformer::{Resources, TierOptions};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEncoder {
    model: Option<String>,
    share: Option<f64>,
    threads: Option<u64>,
    queue: Option<u64>,
    cached: Option<u64>,
    wait_ms: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReranker {
    model: Option<String>,
    candidates: Option<u64>,
    weight: Option<f64>,
    budget_ms: Option<u64>,
}

impl Resolver<'_> {
    pub(super) fn tier(&self) -> Result<TierOptions, ConfigError> {
        let (encoder, reranker) = (&self.raw.encoder, &self.raw.reranker);
        let default = TierOptions::default();
        let whole = |key, from_file, default, range| self.number(Number { key, from_file, default, range });
        let size = |key, from_file, default: usize, range| {
            whole(key, from_file, default as u64, range).map(|value| value as usize)
        };
        let time = |key, from_file, default: Duration| {
            whole(key, from_file, default.as_millis() as u64, 1..=60_000).map(Duration::from_millis)
        };
        let named = |key, from_file: &Option<String>| {
            Some(self.text("", &None, key, from_file, "").1).filter(|name| !name.is_empty())
        };
        let resources = default.resources;
        Ok(TierOptions {
            encoder: named("encoder.model", &encoder.model),
            share: self.fraction("encoder.share", encoder.share, default.share, 1.0)?,
            reranker: named("reranker.model", &reranker.model),
            candidates: size("reranker.candidates", reranker.candidates, default.candidates, 2..=60)?,
            weight: self.fraction("reranker.weight", reranker.weight, default.weight, 100.0)?,
            budget: time("reranker.budget_ms", reranker.budget_ms, default.budget)?,
            unfitted: false,
            resources: Resources {
                threads: size("encoder.threads", encoder.threads, resources.threads, 1..=256)?,
                queue: size("encoder.queue", encoder.queue, resources.queue, 1..=100_000)?,
                cached: size("encoder.cached", encoder.cached, resources.cached, 0..=10_000_000)?,
                wait: time("encoder.wait_ms", encoder.wait_ms, resources.wait)?,
            },
        })
    }

    /// A number from 0 (left out) to `most`.
    fn fraction(
        &self,
        key: &str,
        from_file: Option<f64>,
        default: f32,
        most: f32,
    ) -> Result<f32, ConfigError> {
        let fail = |why: String| ConfigError {
            place: self.place("", false, key),
            why,
            remedy: format!("write a number above 0, at most {most}"),
        };
        let value = match self.in_environment(key) {
            Some(text) => text.parse().map_err(|_| fail(format!("{text:?} is not a number")))?,
            None => from_file.map_or(default, |value| value as f32),
        };
        if value > 0.0 && value <= most { Ok(value) } else { Err(fail(format!("{value} is out of range"))) }
    }
}

//! The evaluator's bench: the same engine as the counter, no server, no second code path. Every figure can be
//! reproduced by others (TREC files in and out), every Decision explained (Traces), every change compared.
//!
//! Reading order: [`rows`] and [`crate::sheet`] (bounded, reported reading of files) → [`dataset`] and [`cases`] → [`metrics`],
//! [`verdict`] and [`statistics`] → [`figures`] (items × metrics) → [`retrieval`] and [`answers`] (a pass) → [`scored`], [`compare`],
//! [`gate`], [`stress`], [`replay`], [`examples`] (what is done with passes) → [`terminal`], [`export`], [`report`] → [`cli`].
//! Nothing in the run-time path depends on this module.

pub mod answers;
mod arguments;
pub mod broken;
pub mod cases;
pub mod cli;
pub mod compare;
pub mod dataset;
pub mod examples;
pub mod export;
#[cfg(test)]
mod fake;
pub mod figures;
pub mod foreign;
pub mod gate;
pub mod metrics;
pub mod perturb;
pub mod progress;
pub mod replay;
pub mod report;
pub mod retrieval;
pub mod rows;
pub mod scored;
pub mod statistics;
pub mod stress;
pub mod terminal;
pub mod trec;
mod variants;
pub mod verdict;

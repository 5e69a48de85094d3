//! The evaluator's bench: the same engine as the counter, no server, no second code path. Every figure can be
//! reproduced by others (TREC files in and out), every Decision explained (Traces), every change compared.
//!
//! Reading order: [`rows`] (bounded, reported reading of files) → [`dataset`] → [`metrics`] and [`statistics`] →
//! [`figures`] (items × metrics) → [`retrieval`]. Nothing in the run-time path depends on this module.

pub mod answers;
pub mod broken;
pub mod cases;
pub mod compare;
pub mod dataset;
#[cfg(test)]
mod fake;
pub mod figures;
pub mod gate;
pub mod metrics;
pub mod perturb;
pub mod progress;
pub mod replay;
pub mod retrieval;
pub mod rows;
pub mod sheet;
pub mod statistics;
pub mod stress;
pub mod trec;
mod variants;
pub mod verdict;

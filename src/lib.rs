//! Madoguchi (窓口): the service counter of a Japanese support desk. It answers a customer's question from a
//! curated FAQ, asks back when two answers compete, and hands over to a person when it is not sure enough.
//!
//! Reading order, which is also the direction of flow:
//! [`text`] (one Analyzer) → [`embed`] (static vectors) → [`kb`] (entries, Snapshot) → [`index`] (built from one
//! Snapshot) → [`answer`] (the engine: understand → retrieve → rank → confidence → decide) → [`chat`] and
//! [`handoff`] (state machines) → [`store`] (the only SQL) → [`app`] (use cases) → [`http`]. [`eval`] runs the same
//! engine without a server.

pub mod answer;
pub mod app;
pub mod chat;
pub mod command;
pub mod config;
pub mod embed;
pub mod eval;
pub mod fit;
pub mod handoff;
pub mod http;
pub mod impact;
pub mod index;
pub mod kb;
pub mod privacy;
pub mod publish;
pub mod sheet;
pub mod store;
pub mod text;

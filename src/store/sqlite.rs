//! SQLite.
/// SQLite store.
pub struct SqliteStore {}

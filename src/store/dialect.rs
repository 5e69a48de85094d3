//! The one place where databases differ. Query files use [`Conn`] and [`Row`] and SQL that SQLite and PostgreSQL share
//! (`$1` placeholders, BIGINT, TEXT, ON CONFLICT), so a second database is a second set of these aliases.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{Row as _, SqlSafeStr};

use super::StoreError;

/// A connection, also within a transaction.
pub(super) type Conn = SqliteConnection;

/// A row of a result.
pub(super) type Row = SqliteRow;

/// What a write transaction begins with: SQLite must take the write lock at once, because a transaction that first
/// reads and then writes fails without waiting for `busy_timeout`.
pub(super) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// How to open the database file: WAL, every commit synced to disk, foreign keys enforced.
pub(super) fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .statement_cache_capacity(200)
}

/// How to open the database file only to read it, beside a serving desk or without one.
pub(super) fn read_only(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(Duration::from_secs(10))
}

/// The schema's steps, embedded.
pub(super) fn migrations() -> Migrator {
    const STEPS: [(&str, &str); 5] = [
        ("first", include_str!("migrations/0001_first.sql")),
        ("curation", include_str!("migrations/0002_curation.sql")),
        ("exchange", include_str!("migrations/0003_exchange.sql")),
        ("vocabulary", include_str!("migrations/0004_vocabulary.sql")),
        ("vocabulary typing", include_str!("migrations/0005_vocabulary_typing.sql")),
    ];
    let migration = |(version, (name, sql)): (i64, (&'static str, &'static str))| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations((1..).zip(STEPS).map(migration).collect())
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::Database(error.to_string())
    }
}

/// Whether `error` says that a unique key exists already.
pub(super) fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

/// Text of a column.
pub(super) fn text(row: &Row, column: &'static str) -> Result<String, StoreError> {
    Ok(row.try_get(column)?)
}

/// Text of a column that may be NULL.
pub(super) fn text_or_none(row: &Row, column: &'static str) -> Result<Option<String>, StoreError> {
    Ok(row.try_get(column)?)
}

/// Whole number of a column.
pub(super) fn int(row: &Row, column: &'static str) -> Result<i64, StoreError> {
    Ok(row.try_get(column)?)
}

/// Whole number of a column that may be NULL.
pub(super) fn int_or_none(row: &Row, column: &'static str) -> Result<Option<i64>, StoreError> {
    Ok(row.try_get(column)?)
}

/// Number of a column.
pub(super) fn real(row: &Row, column: &'static str) -> Result<f64, StoreError> {
    Ok(row.try_get(column)?)
}

/// A count that is never negative.
pub(super) fn count(row: &Row, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(int(row, column)?).map_err(|_| unreadable(column, "it is negative"))
}

/// A column that holds a serialised domain type.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(&text(row, column)?).map_err(|error| unreadable(column, error))
}

/// A column read by `parse`.
pub(super) fn parsed<T>(
    row: &Row,
    column: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text = text(row, column)?;
    parse(&text).ok_or_else(|| unreadable(column, format!("{text:?} is not one")))
}

/// A column that may be NULL, read by `parse`.
pub(super) fn parsed_or_none<T>(
    row: &Row,
    column: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let Some(text) = text_or_none(row, column)? else { return Ok(None) };
    parse(&text).map(Some).ok_or_else(|| unreadable(column, format!("{text:?} is not one")))
}

/// `value` as it is stored in a `*_json` column.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| unreadable("value", error))
}

/// A count as SQL knows it.
pub(super) fn sql_int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn unreadable(what: &'static str, why: impl ToString) -> StoreError {
    StoreError::Unreadable { what, why: why.to_string() }
}

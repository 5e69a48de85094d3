//! SQL of the desk's other files: every state of every document is kept.

use super::StoreError;
use super::curation_records::DocumentRecord;
use super::dialect::{Conn, Row, int, is_taken, text, text_or_none};
use super::entries::next_mark;

/// Saves new states, all or none. Each `number` must be the one after the newest, else somebody was faster.
pub(super) async fn save(conn: &mut Conn, documents: &[DocumentRecord]) -> Result<i64, StoreError> {
    let mark = next_mark(conn, true).await?;
    for document in documents {
        let row = sqlx::query("SELECT COALESCE(MAX(number), 0) AS newest FROM documents WHERE name = $1")
            .bind(&document.name)
            .fetch_one(&mut *conn)
            .await?;
        if int(&row, "newest")? + 1 != document.number {
            return Err(StoreError::Conflict);
        }
        sqlx::query(
            "INSERT INTO documents (name, number, mark, author, at, reason, text)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&document.name)
        .bind(document.number)
        .bind(mark)
        .bind(&document.author)
        .bind(document.at)
        .bind(&document.reason)
        .bind(&document.text)
        .execute(&mut *conn)
        .await
        .map_err(|error| if is_taken(&error) { StoreError::Conflict } else { error.into() })?;
    }
    Ok(mark)
}

/// The newest state of every document, by name; removed ones too.
pub(super) async fn newest(conn: &mut Conn) -> Result<Vec<DocumentRecord>, StoreError> {
    let rows = sqlx::query(
        "SELECT d.* FROM documents d
         WHERE d.number = (SELECT MAX(n.number) FROM documents n WHERE n.name = d.name) ORDER BY d.name",
    )
    .fetch_all(conn)
    .await?;
    rows.iter().map(document).collect()
}

/// Every state of one document, newest first.
pub(super) async fn history(conn: &mut Conn, name: &str) -> Result<Vec<DocumentRecord>, StoreError> {
    let rows = sqlx::query("SELECT * FROM documents WHERE name = $1 ORDER BY number DESC")
        .bind(name)
        .fetch_all(conn)
        .await?;
    rows.iter().map(document).collect()
}

fn document(row: &Row) -> Result<DocumentRecord, StoreError> {
    Ok(DocumentRecord {
        name: text(row, "name")?,
        number: int(row, "number")?,
        author: text(row, "author")?,
        at: int(row, "at")?,
        reason: text(row, "reason")?,
        text: text_or_none(row, "text")?,
    })
}

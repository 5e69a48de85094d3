//! SQL of staff accounts, sessions, one-time sign-ins and settings, and the sweep.

use super::StoreError;
use super::dialect::{Conn, Row, int, is_taken, parsed, text, text_or_none, unreadable};
use super::records::{Role, SessionRecord, StaffRecord};
use crate::handoff::StaffId;

pub(super) async fn add(conn: &mut Conn, staff: &StaffRecord) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO staff (id, login, name, password_hash, roles, created_at, enabled)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(staff.id.as_str())
    .bind(&staff.login)
    .bind(&staff.name)
    .bind(&staff.password_hash)
    .bind(role_names(&staff.roles))
    .bind(staff.created_at)
    .bind(i64::from(staff.enabled))
    .execute(conn)
    .await
    .map_err(|error| if is_taken(&error) { StoreError::Taken("login") } else { error.into() })?;
    Ok(())
}

pub(super) async fn update(conn: &mut Conn, staff: &StaffRecord) -> Result<(), StoreError> {
    sqlx::query("UPDATE staff SET name = $1, password_hash = $2, roles = $3, enabled = $4 WHERE id = $5")
        .bind(&staff.name)
        .bind(&staff.password_hash)
        .bind(role_names(&staff.roles))
        .bind(i64::from(staff.enabled))
        .bind(staff.id.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn by_login(conn: &mut Conn, login: &str) -> Result<Option<StaffRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM staff WHERE login = $1").bind(login).fetch_optional(conn).await?;
    row.as_ref().map(staff).transpose()
}

pub(super) async fn by_id(conn: &mut Conn, id: &StaffId) -> Result<Option<StaffRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM staff WHERE id = $1").bind(id.as_str()).fetch_optional(conn).await?;
    row.as_ref().map(staff).transpose()
}

pub(super) async fn all(conn: &mut Conn) -> Result<Vec<StaffRecord>, StoreError> {
    let rows = sqlx::query("SELECT * FROM staff ORDER BY login").fetch_all(conn).await?;
    rows.iter().map(staff).collect()
}

fn staff(row: &Row) -> Result<StaffRecord, StoreError> {
    let roles = text(row, "roles")?;
    let roles = roles
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| Role::from_name(name).ok_or_else(|| unreadable("roles", format!("{name:?} is not one"))));
    Ok(StaffRecord {
        id: parsed(row, "id", StaffId::parse)?,
        login: text(row, "login")?,
        name: text(row, "name")?,
        password_hash: text_or_none(row, "password_hash")?,
        roles: roles.collect::<Result<_, _>>()?,
        created_at: int(row, "created_at")?,
        enabled: int(row, "enabled")? != 0,
    })
}

fn role_names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(",")
}

pub(super) async fn add_session(conn: &mut Conn, session: &SessionRecord) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO sessions (token_hash, staff, created_at, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(&session.token_hash)
        .bind(session.staff.as_str())
        .bind(session.created_at)
        .bind(session.expires_at)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn session(
    conn: &mut Conn,
    token_hash: &str,
    now: i64,
) -> Result<Option<SessionRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM sessions WHERE token_hash = $1 AND expires_at > $2")
        .bind(token_hash)
        .bind(now)
        .fetch_optional(conn)
        .await?;
    row.map(|row| {
        Ok(SessionRecord {
            token_hash: text(&row, "token_hash")?,
            staff: parsed(&row, "staff", StaffId::parse)?,
            created_at: int(&row, "created_at")?,
            expires_at: int(&row, "expires_at")?,
        })
    })
    .transpose()
}

pub(super) async fn end_session(conn: &mut Conn, token_hash: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE token_hash = $1").bind(token_hash).execute(conn).await?;
    Ok(())
}

pub(super) async fn end_other_sessions(
    conn: &mut Conn,
    staff: &StaffId,
    but: &str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE staff = $1 AND token_hash <> $2")
        .bind(staff.as_str())
        .bind(but)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn set_sign_in(
    conn: &mut Conn,
    token_hash: &str,
    expires_at: i64,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sign_ins").execute(&mut *conn).await?;
    sqlx::query("INSERT INTO sign_ins (token_hash, expires_at) VALUES ($1, $2)")
        .bind(token_hash)
        .bind(expires_at)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn take_sign_in(conn: &mut Conn, token_hash: &str, now: i64) -> Result<bool, StoreError> {
    let deleted = sqlx::query("DELETE FROM sign_ins WHERE token_hash = $1 AND expires_at > $2")
        .bind(token_hash)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(deleted.rows_affected() == 1)
}

pub(super) async fn setting(conn: &mut Conn, name: &str) -> Result<Option<String>, StoreError> {
    let row =
        sqlx::query("SELECT value FROM settings WHERE name = $1").bind(name).fetch_optional(conn).await?;
    row.map(|row| text(&row, "value")).transpose()
}

pub(super) async fn set_setting(conn: &mut Conn, name: &str, value: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn sweep(conn: &mut Conn, now: i64, traces_before: i64) -> Result<u64, StoreError> {
    let mut swept = 0;
    for (sql, before) in [
        ("DELETE FROM sessions WHERE expires_at <= $1", now),
        ("DELETE FROM sign_ins WHERE expires_at <= $1", now),
        ("DELETE FROM traces WHERE at < $1", traces_before),
    ] {
        swept += sqlx::query(sql).bind(before).execute(&mut *conn).await?.rows_affected();
    }
    Ok(swept)
}

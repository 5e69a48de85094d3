//! Staff accounts as an administrator keeps them: who there is, their roles, whether they may sign in, a new password.

use super::staff::{NAME_CHARS, shown};
use super::{App, AppError, Role, Staff};
use crate::handoff::StaffId;
use crate::store::StaffRecord;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// Who.
    pub staff: Staff,
    /// Whether they may sign in.
    pub enabled: bool,
    /// When it was created, UTC milliseconds.
    pub created_at: i64,
}

/// What to change of an account; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    /// The name customers see.
    pub name: Option<String>,
    /// What they may do; at least one.
    pub roles: Option<Vec<Role>>,
    /// Whether they may sign in.
    pub enabled: Option<bool>,
    /// A new password.
    pub password: Option<String>,
}

impl App {
    /// All accounts, by login.
    ///
    /// # Errors
    /// `Forbidden` (needs admin), `Unavailable`.
    pub async fn accounts(&self, staff: &Staff) -> Result<Vec<AccountView>, AppError> {
        must_be_admin(staff)?;
        Ok(self.store.all_staff().await?.into_iter().map(view).collect())
    }

    /// Creates an account.
    ///
    /// # Errors
    /// `Forbidden`, and those of [`App::add_staff`].
    pub async fn create_account(&self, staff: &Staff, new: super::NewStaff) -> Result<AccountView, AppError> {
        must_be_admin(staff)?;
        let made = self.add_staff(new).await?;
        self.account(&made.id).await.map(view)
    }

    /// Changes an account. A new password, fewer roles or being disabled ends its sessions. The last account that could
    /// administer the desk cannot be disabled or lose that role.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Invalid`, `Refused` (`last_admin`), `Unavailable`.
    pub async fn change_account(
        &self,
        staff: &Staff,
        id: &str,
        change: AccountChange,
    ) -> Result<AccountView, AppError> {
        must_be_admin(staff)?;
        let id = StaffId::parse(id).ok_or(AppError::NotFound("account"))?;
        let before = self.account(&id).await?;
        let mut after = before.clone();
        if let Some(name) = &change.name {
            after.name = super::question::clean(name, NAME_CHARS)?;
        }
        if let Some(roles) = change.roles {
            if roles.is_empty() {
                return Err(AppError::Invalid { field: "roles", why: "give at least one role".to_owned() });
            }
            after.roles = roles;
        }
        after.enabled = change.enabled.unwrap_or(after.enabled);
        if let Some(password) = &change.password {
            after.password_hash = Some(self.hash(password).await?);
        }
        if is_admin(&before) && !is_admin(&after) {
            self.must_not_be_the_last_admin(&id).await?;
        }
        self.store.update_staff(&after).await?;
        let lost_a_role = before.roles.iter().any(|role| !after.roles.contains(role));
        if change.password.is_some() || lost_a_role || !after.enabled {
            self.store.end_other_sessions(&id, "").await?;
        }
        Ok(view(after))
    }

    async fn account(&self, id: &StaffId) -> Result<StaffRecord, AppError> {
        self.store.staff(id).await?.ok_or(AppError::NotFound("account"))
    }

    async fn must_not_be_the_last_admin(&self, id: &StaffId) -> Result<(), AppError> {
        let others = self.store.all_staff().await?;
        if others.iter().any(|other| other.id != *id && is_admin(other)) {
            return Ok(());
        }
        let why = "nobody else could administer the desk".to_owned();
        Err(AppError::Refused { code: "last_admin", why })
    }
}

/// Whether the account can administer the desk.
fn is_admin(account: &StaffRecord) -> bool {
    account.enabled && account.password_hash.is_some() && account.roles.contains(&Role::Admin)
}

fn must_be_admin(staff: &Staff) -> Result<(), AppError> {
    super::curation::must(staff, Role::Admin)
}

fn view(record: StaffRecord) -> AccountView {
    let (enabled, created_at) = (record.enabled, record.created_at);
    AccountView { staff: shown(record), enabled, created_at }
}

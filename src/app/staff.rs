//! Staff accounts and sessions: argon2id passwords, random tokens of which only hashes are stored, one-time sign-in.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use super::question::clean;
use super::tokens::{csrf_of, hash_token, random_token};
use super::{App, AppError, Session, SignedIn, Staff};
use crate::handoff::StaffId;
use crate::store::{Role, SessionRecord, StaffRecord, StoreError};

/// Login of the account that the one-time sign-in opens.
const FIRST_LOGIN: &str = "admin";

/// How long a name may be, characters.
pub(super) const NAME_CHARS: usize = 40;

/// How long a password may be, characters.
const PASSWORD_CHARS: RangeInclusive<usize> = 10..=200;

/// Hash of a random password nobody has, with the parameters of real ones.
const UNUSED_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bWFkb2d1Y2hpLW5vbmU$Cq4q1b3TtU0oG4WmJ5D8mC0H1ZsS6m7cCqW8c2h5c0E";

/// An account to create.
#[derive(Debug, Clone)]
pub struct NewStaff {
    /// Name to sign in with: 2 to 40 of a-z, 0-9, `.`, `-`, `_`.
    pub login: String,
    /// Name customers see; the login if empty.
    pub name: String,
    /// At least 10 characters.
    pub password: String,
    /// What they may do; at least one.
    pub roles: Vec<Role>,
}

impl App {
    /// A one-time sign-in (64 hexadecimal digits) when nobody can sign in by password yet, else `None`. Earlier ones
    /// stop working. `serve` prints it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn first_sign_in(&self) -> Result<Option<String>, AppError> {
        let can_sign_in = |staff: &StaffRecord| staff.enabled && staff.password_hash.is_some();
        if self.store.all_staff().await?.iter().any(can_sign_in) {
            return Ok(None);
        }
        let token = random_token();
        self.store.set_sign_in(&hash_token(&token), self.now() + self.limits.sign_in_ms).await?;
        Ok(Some(token))
    }

    /// Signs in by name and password.
    ///
    /// # Errors
    /// `WrongSignIn` (never says which part), `Unavailable`.
    pub async fn sign_in(&self, login: &str, password: &str) -> Result<SignedIn, AppError> {
        let staff = self.store.staff_by_login(login).await?.filter(|staff| staff.enabled);
        let hash = staff.as_ref().and_then(|staff| staff.password_hash.clone());
        let is_known = hash.is_some();
        // An unknown name costs as much time as a wrong password, so that names cannot be found out.
        let hash = hash.unwrap_or_else(|| UNUSED_HASH.to_owned());
        let is_right = self.verify(password, hash).await;
        match staff {
            Some(staff) if is_known && is_right => self.begin_session(staff).await,
            _ => Err(AppError::WrongSignIn),
        }
    }

    /// Signs in as the first admin by the one-time token; the token is used up.
    ///
    /// # Errors
    /// `WrongSignIn`, `Unavailable`.
    pub async fn sign_in_once(&self, token: &str) -> Result<SignedIn, AppError> {
        if !self.store.take_sign_in(&hash_token(token), self.now()).await? {
            return Err(AppError::WrongSignIn);
        }
        let known = self.store.staff_by_login(FIRST_LOGIN).await?;
        let staff = match known {
            Some(staff) => StaffRecord { enabled: true, ..staff },
            None => {
                let staff = StaffRecord {
                    id: StaffId::from_bits(rand::random()),
                    login: FIRST_LOGIN.to_owned(),
                    name: "管理者".to_owned(),
                    password_hash: None,
                    roles: vec![Role::Admin],
                    created_at: self.now(),
                    enabled: true,
                };
                self.store.add_staff(&staff).await?;
                staff
            }
        };
        self.begin_session(staff).await
    }

    /// The session behind `token`.
    ///
    /// # Errors
    /// `NotSignedIn`, `Unavailable`.
    pub async fn session(&self, token: &str) -> Result<Session, AppError> {
        let session =
            self.store.session(&hash_token(token), self.now()).await?.ok_or(AppError::NotSignedIn)?;
        let staff = self.store.staff(&session.staff).await?.filter(|staff| staff.enabled);
        let staff = staff.ok_or(AppError::NotSignedIn)?;
        Ok(Session { staff: shown(staff), csrf: csrf_of(token), expires_at: session.expires_at })
    }

    /// Ends the session; unknown ones are no error.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn sign_out(&self, token: &str) -> Result<(), AppError> {
        Ok(self.store.end_session(&hash_token(token)).await?)
    }

    /// Creates an account (`madoguchi user add`).
    ///
    /// # Errors
    /// `Invalid`, `Refused` (`login_taken`), `Unavailable`.
    pub async fn add_staff(&self, new: NewStaff) -> Result<Staff, AppError> {
        let login = new.login.trim().to_ascii_lowercase();
        let is_letter = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-' | '_');
        if !(2..=40).contains(&login.len()) || !login.chars().all(is_letter) {
            return invalid("login", "use 2 to 40 of a-z, 0-9, '.', '-', '_'");
        }
        if new.roles.is_empty() {
            return invalid("roles", "give at least one role");
        }
        let name = if new.name.trim().is_empty() { login.clone() } else { clean(&new.name, NAME_CHARS)? };
        let staff = StaffRecord {
            id: StaffId::from_bits(rand::random()),
            login,
            name,
            password_hash: Some(self.hash(&new.password).await?),
            roles: new.roles,
            created_at: self.now(),
            enabled: true,
        };
        match self.store.add_staff(&staff).await {
            Ok(()) => Ok(shown(staff)),
            Err(StoreError::Taken(_)) => Err(AppError::Refused {
                code: "login_taken",
                why: format!("the login {} is taken", staff.login),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets one's own password; every other session of the account ends.
    ///
    /// # Errors
    /// `Invalid`, `NotSignedIn`, `Unavailable`.
    pub async fn set_password(&self, session_token: &str, password: &str) -> Result<(), AppError> {
        let session = self.session(session_token).await?;
        let staff = self.store.staff(&session.staff.id).await?.ok_or(AppError::NotSignedIn)?;
        let password_hash = Some(self.hash(password).await?);
        self.store.update_staff(&StaffRecord { password_hash, ..staff }).await?;
        Ok(self.store.end_other_sessions(&session.staff.id, &hash_token(session_token)).await?)
    }

    /// Sets the name that customers see of oneself.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `ControlCharacter`, `NotSignedIn`, `Unavailable`.
    pub async fn set_name(&self, session_token: &str, name: &str) -> Result<(), AppError> {
        let name = clean(name, NAME_CHARS)?;
        let session = self.session(session_token).await?;
        let staff = self.store.staff(&session.staff.id).await?.ok_or(AppError::NotSignedIn)?;
        Ok(self.store.update_staff(&StaffRecord { name, ..staff }).await?)
    }

    /// The names of all members of staff, for lists of who has what.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn staff_names(&self) -> Result<HashMap<StaffId, String>, AppError> {
        let staff = self.store.all_staff().await?;
        Ok(staff.into_iter().map(|staff| (staff.id, staff.name)).collect())
    }

    async fn begin_session(&self, staff: StaffRecord) -> Result<SignedIn, AppError> {
        let (token, now) = (random_token(), self.now());
        let expires_at = now + self.limits.session_ms;
        let session = SessionRecord {
            token_hash: hash_token(&token),
            staff: staff.id.clone(),
            created_at: now,
            expires_at,
        };
        self.store.add_session(&session).await?;
        let session = Session { staff: shown(staff), csrf: csrf_of(&token), expires_at };
        Ok(SignedIn { token, session })
    }

    pub(super) async fn hash(&self, password: &str) -> Result<String, AppError> {
        if !PASSWORD_CHARS.contains(&password.chars().count()) {
            return invalid("password", "use 10 to 200 characters");
        }
        let _one_of_few = self.hashing.acquire().await.expect("the semaphore is never closed");
        let password = password.to_owned();
        let hashed =
            tokio::task::spawn_blocking(move || Argon2::default().hash_password(password.as_bytes())).await;
        match hashed {
            Ok(Ok(hash)) => Ok(hash.to_string()),
            _ => invalid("password", "it cannot be hashed"),
        }
    }

    async fn verify(&self, password: &str, hash: String) -> bool {
        if password.chars().count() > *PASSWORD_CHARS.end() {
            return false;
        }
        let _one_of_few = self.hashing.acquire().await.expect("the semaphore is never closed");
        let password = password.to_owned();
        let verified = tokio::task::spawn_blocking(move || {
            PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        });
        verified.await.unwrap_or(false)
    }
}

fn invalid<T>(field: &'static str, why: &str) -> Result<T, AppError> {
    Err(AppError::Invalid { field, why: why.to_owned() })
}

pub(super) fn shown(staff: StaffRecord) -> Staff {
    let has_password = staff.password_hash.is_some();
    Staff { id: staff.id, login: staff.login, name: staff.name, roles: staff.roles, has_password }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_checked_as_expensively_as_a_known_one() {
        let unused = PasswordHash::new(UNUSED_HASH).expect("a hash");
        let real = Argon2::default().hash_password(b"0123456789").expect("hashed").to_string();
        let real = PasswordHash::new(&real).expect("a hash");
        assert_eq!(
            (unused.algorithm, unused.version, &unused.params),
            (real.algorithm, real.version, &real.params)
        );
        assert_eq!(unused.hash.map(|hash| hash.len()), real.hash.map(|hash| hash.len()));
        assert!(Argon2::default().verify_password(b"", &unused).is_err());
    }
}

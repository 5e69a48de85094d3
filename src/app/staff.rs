//! Staff accounts and sessions: argon2id passwords, random tokens of which only hashes are stored, one-time sign-in.

use super::{App, AppError, Session, SignedIn, Staff};
use crate::store::Role;

/// Length of a session token before it is written as hexadecimal.
pub const SESSION_TOKEN_BYTES: usize = 32;

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
        todo!()
    }

    /// Signs in by name and password.
    ///
    /// # Errors
    /// `WrongSignIn` (never says which part), `Unavailable`.
    pub async fn sign_in(&self, login: &str, password: &str) -> Result<SignedIn, AppError> {
        let _ = (login, password);
        todo!()
    }

    /// Signs in as the first admin by the one-time token; the token is used up.
    ///
    /// # Errors
    /// `WrongSignIn`, `Unavailable`.
    pub async fn sign_in_once(&self, token: &str) -> Result<SignedIn, AppError> {
        let _ = token;
        todo!()
    }

    /// The session behind `token`.
    ///
    /// # Errors
    /// `NotSignedIn`, `Unavailable`.
    pub async fn session(&self, token: &str) -> Result<Session, AppError> {
        let _ = token;
        todo!()
    }

    /// Ends the session; unknown ones are no error.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn sign_out(&self, token: &str) -> Result<(), AppError> {
        let _ = token;
        todo!()
    }

    /// Creates an account (`madoguchi user add`).
    ///
    /// # Errors
    /// `Invalid`, `Refused` (`login_taken`), `Unavailable`.
    pub async fn add_staff(&self, new: NewStaff) -> Result<Staff, AppError> {
        let _ = new;
        todo!()
    }

    /// Sets one's own password; every other session of the account ends.
    ///
    /// # Errors
    /// `Invalid`, `NotSignedIn`, `Unavailable`.
    pub async fn set_password(&self, session_token: &str, password: &str) -> Result<(), AppError> {
        let _ = (session_token, password);
        todo!()
    }
}

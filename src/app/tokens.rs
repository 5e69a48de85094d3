//! Secret tokens: 256 random bits as 64 hexadecimal digits. Only their SHA-256 is ever stored.

use sha2::{Digest, Sha256};

/// A fresh token.
pub(super) fn random_token() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// What is stored of a token. Tokens are random, so a plain hash is enough.
pub(super) fn hash_token(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Whether `hash` was stored for `token`. Hashes are compared, so timing tells nothing about the token.
pub(super) fn is_token_of(token: &str, hash: &str) -> bool {
    hash_token(token) == hash
}

/// The token that every changing request of a session must carry; only who knows the session's token can make it.
pub(super) fn csrf_of(session_token: &str) -> String {
    hash_token(&format!("csrf:{session_token}"))
}

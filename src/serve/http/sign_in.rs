//! Passwords, sessions and tokens.

use super::problem::Problem;
use super::rate::Rate;
use crate::serve::record::Role;
use crate::serve::store::{Account, Store};
use crate::serve::{LEAST_PASSWORD, ServeError};
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use data_encoding::BASE64URL_NOPAD;
use governor::Quota;
use rand::Rng;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// Tries of a password in a minute, from one address.
const TRIES: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// Passwords that are hashed at a time: each takes 19 MiB and much time of a core.
const AT_A_TIME: usize = 2;

/// Who tried to sign in.
pub(super) struct SignIns {
    tries: Rate,
    pub(super) hashing: Semaphore,
}

impl SignIns {
    pub(super) fn new() -> Self {
        Self { tries: Rate::new(Quota::per_minute(TRIES)), hashing: Semaphore::new(AT_A_TIME) }
    }

    /// Counts a try.
    ///
    /// # Errors
    /// Too many of them.
    pub(super) fn count(&self, from: IpAddr) -> Result<(), Problem> {
        self.tries.count(from, "too many tries; wait a minute")
    }
}

/// What is kept of a secret that only its owner knows.
pub(super) fn digest_of(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// A secret that nobody guesses: 256 bits.
pub(super) fn new_secret() -> String {
    BASE64URL_NOPAD.encode(&rand::rng().random::<[u8; 32]>())
}

/// A password as it is kept (Argon2id).
///
/// # Errors
/// [`ServeError::ShortPassword`].
pub(in crate::serve) fn hash_password(password: &str) -> Result<String, ServeError> {
    if password.chars().count() < LEAST_PASSWORD {
        return Err(ServeError::ShortPassword { least: LEAST_PASSWORD });
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| ServeError::Database(error.to_string()))
}

/// What is compared with where there is no such user, so that the time does not tell.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_password(&new_secret()).unwrap_or_default());

/// Who this is, if the password is right.
pub(super) fn check_password(store: &Store, name: &str, password: &str) -> Result<Option<Role>, Problem> {
    let found = store.password(name)?;
    let (kept, role) = found.map_or((NOBODY.clone(), None), |(kept, role)| (kept, Some(role)));
    let is_right = PasswordHash::new(&kept)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
    Ok(role.filter(|_| is_right))
}

/// Somebody who makes a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) name: String,
    pub(super) role: Role,
}

impl From<Account> for Caller {
    fn from(Account { name, role, .. }: Account) -> Self {
        Self { name, role }
    }
}

//! Who may do what.

use super::error::optional;
use super::{Store, StoreError};
use crate::serve::clock::{now_ms, rfc3339};
use crate::serve::record::Role;
use rusqlite::{Row, params};

/// How long a session lasts.
pub(in crate::serve) const SESSION_LASTS_MS: i64 = 7 * 24 * 3_600_000;

/// Somebody, or a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::serve) struct Account {
    pub(in crate::serve) name: String,
    pub(in crate::serve) role: Role,
    /// RFC 3339, UTC.
    pub(in crate::serve) created_at: String,
}

fn accounts(store: &Store, sql: &str) -> Result<Vec<Account>, StoreError> {
    store.read(|on| {
        let mut select = on.prepare_cached(sql)?;
        let row = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?));
        let rows: Vec<_> = select.query_map([], row)?.collect::<Result<_, _>>()?;
        let account = |(name, role, at): (String, String, i64)| -> Result<Account, StoreError> {
            Ok(Account { name, role: role.parse()?, created_at: rfc3339(at) })
        };
        rows.into_iter().map(account).collect()
    })
}

impl Store {
    /// Whether anybody has a password.
    pub(in crate::serve) fn has_users(&self) -> Result<bool, StoreError> {
        self.read(|on| Ok(on.query_row("SELECT EXISTS (SELECT 1 FROM user)", [], |row| row.get(0))?))
    }

    /// People with a password, by name.
    pub(in crate::serve) fn users(&self) -> Result<Vec<Account>, StoreError> {
        accounts(self, "SELECT name, role, created_at FROM user ORDER BY name")
    }

    /// Tokens of programs, by name.
    pub(in crate::serve) fn tokens(&self) -> Result<Vec<Account>, StoreError> {
        accounts(self, "SELECT name, role, created_at FROM token ORDER BY name")
    }

    /// Adds somebody, or gives another role and password; all their sessions end.
    pub(in crate::serve) fn set_user(&self, name: &str, role: Role, password: &str) -> Result<(), StoreError> {
        self.write(|on| {
            on.execute("DELETE FROM session WHERE user = ?", [name])?;
            on.execute(
                "INSERT INTO user (name, role, password, created_at) VALUES (?, ?, ?, ?)
                 ON CONFLICT (name) DO UPDATE SET role = excluded.role, password = excluded.password",
                params![name, role.as_str(), password, now_ms()],
            )?;
            keep_an_admin(on)
        })
    }

    /// Removes somebody, but not the last admin.
    pub(in crate::serve) fn delete_user(&self, name: &str) -> Result<(), StoreError> {
        self.write(|on| {
            if on.execute("DELETE FROM user WHERE name = ?", [name])? == 0 {
                return Err(StoreError::missing("user", name));
            }
            keep_an_admin(on)
        })
    }

    /// The password of somebody, hashed.
    pub(in crate::serve) fn password(&self, name: &str) -> Result<Option<(String, Role)>, StoreError> {
        let select = "SELECT password, role FROM user WHERE name = ?";
        let pair = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let found = self.read(|on| optional(on.query_row(select, [name], pair)))?;
        found.map(|(password, role)| Ok((password, role.parse()?))).transpose()
    }

    /// Begins a session.
    pub(in crate::serve) fn begin_session(&self, user: &str, digest: &[u8]) -> Result<(), StoreError> {
        self.write(|on| {
            on.execute("DELETE FROM session WHERE expires_at < ?", [now_ms()])?;
            let insert = "INSERT INTO session (digest, user, expires_at) VALUES (?, ?, ?)";
            on.execute(insert, params![digest, user, now_ms() + SESSION_LASTS_MS])?;
            Ok(())
        })
    }

    /// Ends a session.
    pub(in crate::serve) fn end_session(&self, digest: &[u8]) -> Result<(), StoreError> {
        self.write(|on| {
            on.execute("DELETE FROM session WHERE digest = ?", [digest])?;
            Ok(())
        })
    }

    /// Whose session it is.
    pub(in crate::serve) fn session(&self, digest: &[u8]) -> Result<Option<Account>, StoreError> {
        let select = "SELECT u.name, u.role, u.created_at FROM session s JOIN user u ON u.name = s.user WHERE s.digest = ? AND s.expires_at >= ?";
        self.one(select, params![digest, now_ms()])
    }

    /// Whose token it is.
    pub(in crate::serve) fn token(&self, digest: &[u8]) -> Result<Option<Account>, StoreError> {
        self.one("SELECT name, role, created_at FROM token WHERE digest = ?", params![digest])
    }

    fn one(&self, select: &str, given: &[&dyn rusqlite::ToSql]) -> Result<Option<Account>, StoreError> {
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?));
        let found: Option<(String, String, i64)> =
            self.read(|on| optional(on.prepare_cached(select)?.query_row(given, row)))?;
        found.map(|(name, role, at)| Ok(Account { name, role: role.parse()?, created_at: rfc3339(at) })).transpose()
    }

    /// Adds a token.
    pub(in crate::serve) fn add_token(&self, name: &str, role: Role, digest: &[u8]) -> Result<(), StoreError> {
        self.write(|on| {
            let taken: bool =
                on.query_row("SELECT EXISTS (SELECT 1 FROM token WHERE name = ?)", [name], |row| row.get(0))?;
            if taken {
                return Err(StoreError::Conflict(format!("there is a token {name} already; delete it first")));
            }
            let insert = "INSERT INTO token (name, role, digest, created_at) VALUES (?, ?, ?, ?)";
            on.execute(insert, params![name, role.as_str(), digest, now_ms()])?;
            Ok(())
        })
    }

    /// Removes a token.
    pub(in crate::serve) fn delete_token(&self, name: &str) -> Result<(), StoreError> {
        self.write(|on| {
            let n = on.execute("DELETE FROM token WHERE name = ?", [name])?;
            if n == 0 { Err(StoreError::missing("token", name)) } else { Ok(()) }
        })
    }
}

/// Refuses accounts of which none may change accounts, and none at all, which would open the server to everybody.
fn keep_an_admin(on: &rusqlite::Transaction<'_>) -> Result<(), StoreError> {
    let has_one = "SELECT EXISTS (SELECT 1 FROM user WHERE role = 'admin')";
    if !on.query_row(has_one, [], |row| row.get::<_, bool>(0))? {
        return Err(StoreError::Conflict("somebody must stay admin; make another one first".to_owned()));
    }
    Ok(())
}

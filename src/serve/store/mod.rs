//! What the server knows: an SQLite database (WAL), which other programs may read and copy while it runs.

mod accounts;
mod datasets;
mod detectors;
mod error;
mod items;
mod jobs;
mod lines;
mod results;
mod schema;
mod trends;

pub(super) use accounts::{Account, SESSION_LASTS_MS};
pub(super) use datasets::{Labelled, NewImage};
pub(super) use detectors::KnownDetector;
pub(super) use error::StoreError;
pub(super) use items::{Accepted, Ended, NewItem, Origin, Outcome, Pending, Priority, accept};
pub(super) use jobs::{NewJob, add_job};
pub(super) use lines::LineSettings;
pub(super) use results::{Filter, Sort};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use schema::MIGRATIONS;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a statement waits for another process, such as a backup, that holds the database.
const BUSY: Duration = Duration::from_secs(20);
/// Connections that are kept for readers.
const MOST_READERS: usize = 8;

/// The database. Readers see whole transactions, and never wait for the writer.
pub(super) struct Store {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Brings a database to the version of this program.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let seen: usize =
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?.try_into().unwrap_or(0);
    if seen > MIGRATIONS.len() {
        return Err(StoreError::Newer { path: path.to_owned(), found: seen, known: MIGRATIONS.len() });
    }
    for (index, step) in MIGRATIONS.iter().enumerate().skip(seen) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

impl Store {
    /// Opens a database, or makes it, and brings it to the version of this program.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for one of a later program, and what SQLite says.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut writer = connect(path, OpenFlags::default())?;
        // What was committed survives a killed process and a power failure.
        writer.pragma_update(None, "journal_mode", "wal")?;
        writer.pragma_update(None, "synchronous", "full")?;
        migrate(&mut writer, path)?;
        Ok(Self { path: path.to_owned(), writer: Mutex::new(writer), readers: Mutex::default() })
    }

    /// Asks.
    pub(super) fn read<T>(&self, ask: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let kept = lock(&self.readers).pop();
        let reader = match kept {
            Some(reader) => reader,
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?,
        };
        let answer = ask(&reader);
        let mut readers = lock(&self.readers);
        if readers.len() < MOST_READERS {
            readers.push(reader);
        }
        answer
    }

    /// Changes, all of it or nothing.
    pub(super) fn write<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
        let done = change(&transaction)?;
        transaction.commit().map_err(StoreError::from)?;
        Ok(done)
    }
}

#[cfg(test)]
pub(super) mod tests;

//! What keeps a server from working.

use super::store::StoreError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a server did not start, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The data folder can't be used.
    #[error("can't keep data in {}; choose another folder with `ServeOptions::data`: {source}", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another server uses the data folder.
    #[error(
        "{} is in use by another server; stop that one, or give each a folder of its own with `ServeOptions::data`",
        path.display()
    )]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// The address can't be listened on.
    #[error("can't listen on {listen}; choose another address with `ServeOptions::listen`: {source}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// An address that others reach, and nobody has a password.
    #[error(
        "{listen} can be reached by other machines, and nobody has a password: make an account first with `ServeOptions::admin`, or listen on 127.0.0.1"
    )]
    Open {
        /// The address.
        listen: SocketAddr,
    },
    /// A password that can be guessed.
    #[error("a password has at least {least} characters")]
    ShortPassword {
        /// So many.
        least: usize,
    },
    /// A thread or the runtime can't be made, or the connection broke.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
    /// The database can't be used.
    #[error("can't open the database: {0}")]
    Database(String),
}

impl From<StoreError> for ServeError {
    fn from(error: StoreError) -> Self {
        Self::Database(error.to_string())
    }
}

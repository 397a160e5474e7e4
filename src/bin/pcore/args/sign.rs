//! Settings of signing and of trust.

use clap::Args as ClapArgs;
use std::ffi::OsString;
use std::path::PathBuf;

/// `pcore sign`.
#[derive(ClapArgs)]
pub(crate) struct SignArgs {
    /// The bundle file to sign; its signature is written beside it, as BUNDLE.minisig
    #[arg(value_name = "BUNDLE", required_unless_present = "new_key", requires = "key")]
    pub(crate) bundle: Option<PathBuf>,
    /// The secret key, without a password
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Make a pair of keys instead: NAME.key to sign with, which must stay secret, and NAME.pub for --trust
    #[arg(long, value_name = "NAME", conflicts_with_all = ["bundle", "key"])]
    pub(crate) new_key: Option<PathBuf>,
    /// Print what was written as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whose bundles are used.
#[derive(ClapArgs)]
pub(crate) struct TrustArgs {
    /// Use the bundle only if it is signed with this key: the file of a public key, or its text [default: $PCORE_TRUST]
    #[arg(long, value_name = "KEY")]
    pub(crate) trust: Option<OsString>,
}

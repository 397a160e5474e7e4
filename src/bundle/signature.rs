//! Signatures of bundles: a checksum says that a file is whole, a signature who made it.
//!
//! A signature is a file of its own beside the bundle, `NAME.pcore.minisig`, in the format of
//! [minisign](https://jedisct1.github.io/minisign/) (Ed25519 over a `BLAKE2b` sum), so that `minisign -V -p KEY.pub -m NAME.pcore`
//! checks it too.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox, SignatureBox};

use super::{BundleError, Contents, Sections, read};
use crate::files::replace;

/// What is appended to the name of a bundle to name its signature.
const EXTENSION: &str = ".minisig";
/// Most bytes of a key or a signature file.
const MAX_BYTES: u64 = 8 << 10;
/// Characters of a public key as text.
const KEY_CHARS: usize = 56;
/// Characters of the last line of a signature.
const COMMENT_SIGNATURE_CHARS: usize = 88;
/// How a secret key begins that is locked with a password.
const LOCKED: &str = "RWRTY0Iy";

/// A bundle is not signed as it has to be, or can't be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The bundle itself is refused.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A key or signature can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key or signature can't be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No key.
    #[error(
        "{what} is no {kind} key of minisign: {reason}; make a pair with `SigningKey::create` NAME, or with minisign -G -W"
    )]
    Key {
        /// Where the key was looked for.
        what: String,
        /// `public` or `secret`.
        kind: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A secret key that needs a password.
    #[error(
        "the key {} is locked with a password: sign with minisign -S -s {} -m BUNDLE, or use a key without one (`SigningKey::create` NAME)", path.display(), path.display()
    )]
    Locked {
        /// The key file.
        path: PathBuf,
    },
    /// There is no signature.
    #[error("{} is not signed: there is no {}; have it signed, or check that it is yours", bundle.display(), signature.display())]
    Missing {
        /// The bundle.
        bundle: PathBuf,
        /// Where its signature would be.
        signature: PathBuf,
    },
    /// The signature file is none.
    #[error("{} is no signature of minisign, or a damaged one: {reason}; sign the bundle again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Somebody else signed.
    #[error("{} is signed with the key {found}, {trusted} is trusted", bundle.display())]
    OtherKey {
        /// The bundle.
        bundle: PathBuf,
        /// Number of the key that signed.
        found: String,
        /// Number of the trusted key.
        trusted: String,
    },
    /// The signature does not belong to these bytes.
    #[error(
        "{} is not what was signed: it, or {}, was changed after signing, or the signature is of another bundle", bundle.display(), signature.display()
    )]
    Changed {
        /// The bundle.
        bundle: PathBuf,
        /// Its signature.
        signature: PathBuf,
    },
}

/// A public key whose signatures count.
#[derive(Clone, Debug)]
pub struct TrustedKey(PublicKey);

/// A secret key to sign with.
pub struct SigningKey(SecretKey);

impl TrustedKey {
    /// Takes the text of a public key (56 characters), or the path of a file that holds it.
    ///
    /// # Errors
    /// [`SignatureError::Read`] and [`SignatureError::Key`].
    pub fn read(key: &OsStr) -> Result<Self, SignatureError> {
        match key.to_str().map(str::trim).filter(|text| text.len() == KEY_CHARS && !Path::new(text).exists()) {
            Some(text) => Self::parse(text, text),
            None => Self::parse(&read_small(Path::new(key))?, &Path::new(key).display().to_string()),
        }
    }

    fn parse(text: &str, what: &str) -> Result<Self, SignatureError> {
        let bad = |reason: String| SignatureError::Key { what: what.to_owned(), kind: "public", reason };
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("comment:"));
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(bad("expected one line with the key".to_owned()));
        };
        let key = PublicKey::from_base64(line).map_err(|error| bad(error.to_string()))?;
        if !key.to_bytes().starts_with(b"Ed") {
            return Err(bad("it is of another kind than Ed25519".to_owned()));
        }
        Ok(Self(key))
    }

    /// The number of the key, 16 hexadecimal digits, as minisign shows it.
    #[must_use]
    pub fn number(&self) -> String {
        number(self.0.keynum())
    }
}

impl SigningKey {
    /// Reads the file of a secret key without a password.
    ///
    /// # Errors
    /// [`SignatureError::Read`], [`SignatureError::Key`] and [`SignatureError::Locked`].
    pub fn read(path: &Path) -> Result<Self, SignatureError> {
        let text = read_small(path)?;
        let what = path.display().to_string();
        let bad = |reason: String| SignatureError::Key { what: what.clone(), kind: "secret", reason };
        if text.lines().any(|line| line.starts_with(LOCKED)) {
            return Err(SignatureError::Locked { path: path.to_owned() });
        }
        let secret = SecretKeyBox::from_string(&text).and_then(SecretKeyBox::into_unencrypted_secret_key);
        Ok(Self(secret.map_err(|error| bad(error.to_string()))?))
    }

    /// Makes a new pair of keys and writes it to `PREFIX.key`, which is the secret one, without a password and readable by
    /// its owner alone, and `PREFIX.pub`.
    ///
    /// # Errors
    /// [`SignatureError::Write`]; a file that exists is never replaced.
    pub fn create(prefix: &Path) -> Result<(PathBuf, PathBuf, TrustedKey), SignatureError> {
        let with = |extension: &str| appended(prefix, extension);
        let (secret_path, public_path) = (with(".key"), with(".pub"));
        let failed = |reason: String| SignatureError::Key { what: "a new pair".to_owned(), kind: "secret", reason };
        let KeyPair { pk, sk } = KeyPair::generate_unencrypted_keypair().map_err(|error| failed(error.to_string()))?;
        let comment = format!("pcore secret key {}", number(pk.keynum()));
        let secret = sk.to_box(Some(&comment)).map_err(|error| failed(error.to_string()))?.into_string();
        let public = pk.to_box().map_err(|error| failed(error.to_string()))?.into_string();
        write_new(&public_path, public.as_bytes(), 0o644)?;
        if let Err(error) = write_new(&secret_path, secret.as_bytes(), 0o600) {
            drop(fs::remove_file(&public_path));
            return Err(error);
        }
        Ok((secret_path, public_path, TrustedKey(pk)))
    }
}

/// Where the signature of a bundle lies: beside it.
#[must_use]
pub fn signature_path(bundle: &Path) -> PathBuf {
    appended(bundle, EXTENSION)
}

/// Signs a bundle, once its contents are verified, and writes the signature beside it; an older one is replaced. Gives the
/// path of the signature and the number of the key.
///
/// # Errors
/// [`SignatureError::Bundle`] for what is no sound bundle, [`SignatureError::Write`].
pub fn sign(bundle: &Path, key: &SigningKey, sections: &dyn Sections) -> Result<(PathBuf, String), SignatureError> {
    let bytes = read::file_bytes(bundle)?;
    read::from_bytes(&bytes, sections)
        .map_err(|defect| BundleError::Invalid { path: bundle.into(), defect: defect.into() })?;
    let path = signature_path(bundle);
    let number = number(key.0.keynum());
    let name = bundle.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let trusted = format!("timestamp:{seconds}\tfile:{name}\thashed");
    let untrusted = format!("signature from pcore secret key {number}");
    let signature = minisign::sign(None, &key.0, Cursor::new(&bytes), Some(&trusted), Some(&untrusted))
        .map_err(|error| SignatureError::Write { path: path.clone(), source: io::Error::other(error) })?;
    let text = signature.into_string();
    replace(&path, |file| file.write_all(text.as_bytes()))
        .map_err(|failure| SignatureError::Write { path: path.clone(), source: failure.into() })?;
    Ok((path, number))
}

/// Reads a bundle that `key` signed. The file is read once: the bytes that are verified are those that are used, and
/// nothing of them is used before.
///
/// # Errors
/// [`SignatureError`]; in every case nothing of the bundle was used.
pub fn read_signed(bundle: &Path, key: &TrustedKey, sections: &dyn Sections) -> Result<Contents, SignatureError> {
    let bytes = read::file_bytes(bundle)?;
    verify(bundle, &bytes, key)?;
    let contents = read::from_bytes(&bytes, sections);
    Ok(contents.map_err(|defect| BundleError::Invalid { path: bundle.into(), defect: defect.into() })?)
}

fn verify(bundle: &Path, bytes: &[u8], key: &TrustedKey) -> Result<(), SignatureError> {
    let path = signature_path(bundle);
    let text = match read_small(&path) {
        Err(SignatureError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(SignatureError::Missing { bundle: bundle.to_owned(), signature: path });
        }
        text => text?,
    };
    let bad = |reason: &str| SignatureError::Malformed { path: path.clone(), reason: reason.to_owned() };
    // The last line is 64 bytes, no more and no less: 88 characters, two of them to fill up.
    let lines: Vec<&str> = text.lines().collect();
    let is_whole = |line: &str| line.len() == COMMENT_SIGNATURE_CHARS && line.ends_with("==");
    if lines.len() != 4 || !is_whole(lines[3].trim_end()) {
        return Err(bad("expected four lines, the last of 88 characters"));
    }
    let signature = SignatureBox::from_string(&text).map_err(|error| bad(&error.to_string()))?;
    // Only as it is written: no spare bits, nothing behind.
    let written = signature.clone().into_string();
    if !written.lines().skip(1).eq(lines[1..].iter().map(|line| line.trim_end())) {
        return Err(bad("it is written in another way than minisign does"));
    }
    if !signature.is_prehashed() {
        return Err(bad("it is of the older kind, without a sum"));
    }
    if signature.keynum() != key.0.keynum() {
        let found = number(signature.keynum());
        return Err(SignatureError::OtherKey { bundle: bundle.to_owned(), found, trusted: key.number() });
    }
    minisign::verify(&key.0, &signature, Cursor::new(bytes), true, false, false)
        .map_err(|_refused| SignatureError::Changed { bundle: bundle.to_owned(), signature: path })
}

/// As minisign shows the number of a key.
fn number(bytes: &[u8]) -> String {
    bytes.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

fn appended(path: &Path, extension: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(extension);
    PathBuf::from(name)
}

/// The text of a small regular file.
fn read_small(path: &Path) -> Result<String, SignatureError> {
    let failed = |source| SignatureError::Read { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err(failed(io::Error::other(format!("expected a regular file of at most {MAX_BYTES} bytes"))));
    }
    fs::read_to_string(path).map_err(failed)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SignatureError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let write = || options.open(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    write().map_err(|source| SignatureError::Write { path: path.to_owned(), source })
}

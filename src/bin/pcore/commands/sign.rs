//! `pcore sign`: whose a bundle is.

use crate::Outcome;
use crate::args::{SignArgs, TrustArgs};
use crate::console::{print_json, print_line};
use anyhow::{Result, bail};
use pcore::bundle::{Contents, SigningKey, TrustedKey};
use pcore::detect;
use serde_json::json;
use std::env;
use std::path::Path;

/// Variable that names the trusted key where no flag does.
const TRUST_VARIABLE: &str = "PCORE_TRUST";

pub(crate) fn run(args: &SignArgs) -> Result<Outcome> {
    if let Some(prefix) = &args.new_key {
        let (secret, public, key) = SigningKey::create(prefix)?;
        if args.json {
            let made = json!({"secret": secret, "public": public, "key": key.number()});
            print_json(&made)?;
            return Ok(Outcome::Done);
        }
        print_line(&format!("{}: sign with it, and keep it secret", secret.display()))?;
        print_line(&format!("{}: key {}, for --trust at the stations", public.display(), key.number()))?;
        return Ok(Outcome::Done);
    }
    let (Some(bundle), Some(key)) = (&args.bundle, &args.key) else {
        bail!("expected BUNDLE and --key FILE, or --new-key NAME");
    };
    let (signature, number) = detect::sign(bundle, &SigningKey::read(key)?)?;
    if args.json {
        print_json(&json!({"signature": signature, "key": number}))?;
        return Ok(Outcome::Done);
    }
    print_line(&format!("{}: signed with the key {number}", signature.display()))?;
    Ok(Outcome::Done)
}

/// The contents of a bundle, and the number of the key that signed it where one is asked for: then a bundle without its
/// signature is refused before anything of it is used.
pub(super) fn read_trusted(path: &Path, args: &TrustArgs) -> Result<(Contents, Option<String>)> {
    let variable = || env::var_os(TRUST_VARIABLE).filter(|key| !key.is_empty());
    let Some(key) = args.trust.clone().or_else(variable) else {
        return Ok((Contents::read(path)?, None));
    };
    let key = TrustedKey::read(&key)?;
    Ok((Contents::read_signed(path, &key)?, Some(key.number())))
}

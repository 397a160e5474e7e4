//! Signed bundles: what a station trusts is used, and nothing else.

use crate::support::{Fixture, expect, pcore, text};
use pcore::bundle::Contents;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A folder with two bundles of the same content but for the domain, the first signed, and two pairs of keys.
fn signed() -> TempDir {
    let folder = TempDir::new().unwrap();
    let bundle = Fixture::get().path().join(".pcore/C.pcore");
    fs::copy(&bundle, folder.path().join("b.pcore")).unwrap();
    let mut other = Contents::read(&bundle).unwrap();
    other.manifest.domain = Some("D".to_owned());
    other.write(&folder.path().join("other.pcore")).unwrap();
    fs::copy(Fixture::get().test_folder().join("good/000000.tiff"), folder.path().join("part.tiff")).unwrap();
    for name in ["ours", "foreign"] {
        expect(0, pcore(folder.path()).args(["sign", "--new-key", name]));
    }
    for bundle in ["b.pcore", "other.pcore"] {
        let output = expect(0, pcore(folder.path()).args(["sign", bundle, "--key", "ours.key"]));
        assert!(text(&output.stdout).contains(".minisig: signed with the key"), "{}", text(&output.stdout));
    }
    folder
}

/// Every verb that uses a bundle, on `b.pcore`.
fn verbs<'a>() -> [&'a [&'a str]; 6] {
    [
        &["infer", "part.tiff", "--bundle", "b.pcore"],
        &["infer", "part.tiff", "--explain", "--bundle", "b.pcore"],
        &["eval", "labelled", "--bundle", "b.pcore"],
        &["bench", "part.tiff", "--repeat", "1", "--bundle", "b.pcore"],
        &["inspect", "b.pcore"],
        &["export", "b.pcore", "--format", "onnxdemo", "--out", "station"],
    ]
}

/// Runs all verbs; each must end with exit code 2, say `words`, and tell nothing of the bundle.
fn refused(folder: &Path, trust: &str, words: &str) {
    for verb in verbs() {
        let output = expect(2, pcore(folder).args(verb).args(["--trust", trust]));
        let told = text(&output.stderr);
        assert!(told.contains(words), "{verb:?} does not say '{words}': {told}");
        assert!(output.stdout.is_empty() && !told.contains("panicked"), "{verb:?}: {}{told}", text(&output.stdout));
    }
    assert!(!folder.join("station").exists() && !folder.join("pcore-explain").exists());
}

fn labelled(folder: &Path) {
    for (label, name) in [("good", "good/000000.tiff"), ("fault", "fault/000000.tiff")] {
        let to = folder.join("labelled/test").join(label);
        fs::create_dir_all(&to).unwrap();
        fs::copy(Fixture::get().test_folder().join(name), to.join("0.tiff")).unwrap();
    }
}

#[test]
fn a_bundle_signed_with_the_trusted_key_is_used_and_every_other_is_refused_by_every_verb() {
    let folder = signed();
    let folder = folder.path();
    labelled(folder);
    let [bundle, signature] = ["b.pcore", "b.pcore.minisig"].map(|name| folder.join(name));
    let (sound, signed) = (fs::read(&bundle).unwrap(), fs::read_to_string(&signature).unwrap());
    for verb in &verbs()[..5] {
        let output = expect(0, pcore(folder).args(*verb).args(["--trust", "ours.pub"]));
        assert!((text(&output.stdout) + &text(&output.stderr)).contains("signed"), "{verb:?}");
    }
    // The key as text, and from the environment.
    let key = fs::read_to_string(folder.join("ours.pub")).unwrap().lines().nth(1).unwrap().to_owned();
    expect(0, pcore(folder).args(verbs()[0]).args(["--trust", &key]));
    expect(0, pcore(folder).args(verbs()[0]).env("PCORE_TRUST", folder.join("ours.pub")));
    expect(2, pcore(folder).args(verbs()[0]).env("PCORE_TRUST", folder.join("foreign.pub")));
    fs::remove_dir_all(folder.join("pcore-explain")).unwrap();

    refused(folder, "foreign.pub", "is trusted");
    for place in [0, 9, 100, sound.len() / 2, sound.len() - 1] {
        let mut flipped = sound.clone();
        flipped[place] ^= 1;
        fs::write(&bundle, flipped).unwrap();
        refused(folder, "ours.pub", "not what was signed");
    }
    fs::write(&bundle, &sound[..sound.len() - 1]).unwrap();
    refused(folder, "ours.pub", "not what was signed");
    fs::write(&bundle, &sound).unwrap();
    fs::copy(folder.join("other.pcore.minisig"), &signature).unwrap();
    refused(folder, "ours.pub", "not what was signed");
    // The name of the file in the signature is signed too.
    fs::write(&signature, signed.replace("file:b.pcore", "file:c.pcore")).unwrap();
    refused(folder, "ours.pub", "not what was signed");
    fs::remove_file(&signature).unwrap();
    refused(folder, "ours.pub", "is not signed");
    expect(0, pcore(folder).args(verbs()[0]));
}

#[test]
fn a_signature_cut_anywhere_or_with_any_character_changed_is_refused() {
    let folder = signed();
    let [bundle, signature] = ["b.pcore", "b.pcore.minisig"].map(|name| folder.path().join(name));
    let key = pcore::bundle::TrustedKey::read(folder.path().join("ours.pub").as_os_str()).unwrap();
    let text = fs::read_to_string(&signature).unwrap();
    let read = |text: &str| {
        fs::write(&signature, text).unwrap();
        Contents::read_signed(&bundle, &key).map(drop)
    };
    read(&text).unwrap();
    let whole = text.trim_end().len();
    for length in 0..whole {
        assert!(read(&text[..length]).is_err(), "cut to {length} of {whole}");
    }
    // The first line is a comment for people that nothing protects.
    let mut n = 0;
    for place in text.find('\n').unwrap() + 1..whole {
        let other = if text.as_bytes()[place] == b'A' { "B" } else { "A" };
        let changed = format!("{}{other}{}", &text[..place], &text[place + 1..]);
        assert!(read(&changed).is_err(), "changed at {place}: {changed}");
        n += 1;
    }
    assert!(n > 200);
    assert!(read(&format!("{text}{text}")).is_err() && read(&"x\n".repeat(9000)).is_err());
}

#[test]
fn keys_that_are_none_are_refused_in_words_and_no_key_is_replaced() {
    let folder = signed();
    let folder = folder.path();
    fs::write(folder.join("notes.txt"), "no key").unwrap();
    // The beginning of a key that `minisign -G` locks with a password.
    fs::write(folder.join("locked.key"), "untrusted comment: x\nRWRTY0IyAAAA\n").unwrap();
    let before = fs::read(folder.join("ours.key")).unwrap();
    for (args, words) in [
        (&["sign", "b.pcore", "--key", "notes.txt"][..], "no secret key of minisign"),
        (&["sign", "b.pcore", "--key", "ours.pub"], "no secret key of minisign"),
        (&["sign", "b.pcore", "--key", "locked.key"], "locked with a password"),
        (&["sign", "b.pcore", "--key", "missing.key"], "missing.key"),
        (&["sign", "part.tiff", "--key", "ours.key"], "part.tiff"),
        (&["sign", "b.pcore"], "--key"),
        (&["sign", "--new-key", "ours"], "ours.pub"),
        (&["inspect", "b.pcore", "--trust", "notes.txt"], "no public key of minisign"),
        (&["inspect", "b.pcore", "--trust", "ours.key"], "no public key of minisign"),
        (&["inspect", "b.pcore", "--trust", "missing.pub"], "missing.pub"),
    ] {
        let output = expect(2, pcore(folder).args(args));
        let told = text(&output.stderr);
        assert!(told.contains(words) && !told.contains("panicked"), "{args:?}: {told}");
    }
    assert_eq!(fs::read(folder.join("ours.key")).unwrap(), before);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.join("ours.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "others can read the secret key: {mode:o}");
    }
}

/// The standard tool and pcore understand each other, where it is installed.
#[test]
fn the_minisign_tool_accepts_our_signatures_and_we_its() {
    let folder = signed();
    let minisign =
        |args: &[&str]| std::process::Command::new("minisign").current_dir(folder.path()).args(args).output();
    let Ok(output) = minisign(&["-V", "-p", "ours.pub", "-m", "b.pcore"]) else {
        skipped!("minisign is not installed");
        return;
    };
    assert!(output.status.success(), "{}", text(&output.stderr));
    fs::remove_file(folder.path().join("b.pcore.minisig")).unwrap();
    assert!(minisign(&["-S", "-s", "ours.key", "-m", "b.pcore"]).unwrap().status.success());
    expect(0, pcore(folder.path()).args(["inspect", "b.pcore", "--trust", "ours.pub"]));
}

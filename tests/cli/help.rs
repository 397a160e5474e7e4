//! Help, completions and the manual page.

use crate::support::{expect, pcore, text};
use std::fs;
use tempfile::TempDir;

/// Every verb, as `pcore --help` lists them.
fn verbs() -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let help = text(&expect(0, pcore(folder.path()).arg("--help")).stdout);
    let verbs: Vec<String> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.strip_prefix("  ").filter(|l| !l.starts_with(' '))?.split_whitespace().next())
        .map(str::to_owned)
        .filter(|verb| verb != "help")
        .collect();
    assert!(verbs.len() >= 15, "{verbs:?}");
    verbs
}

#[test]
fn each_shell_gets_a_script_that_knows_every_verb() {
    let folder = TempDir::new().unwrap();
    let verbs = verbs();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&expect(0, pcore(folder.path()).args(["completions", shell])).stdout);
        for verb in &verbs {
            assert!(script.contains(verb.as_str()), "{shell} does not know {verb}");
        }
        assert!(script.contains("fail-on-anomaly"), "{shell} knows no options");
    }
}

#[test]
fn the_manual_page_names_every_verb_and_each_verb_has_its_own() {
    let folder = TempDir::new().unwrap();
    let page = text(&expect(0, pcore(folder.path()).arg("manual")).stdout).replace("\\-", "-");
    assert!(page.starts_with(".ie") && page.contains(".TH pcore 1"), "{page}");
    expect(0, pcore(folder.path()).args(["manual", "--out", "man"]));
    for verb in verbs() {
        assert!(page.contains(&format!("pcore-{verb}(1)")), "{verb} is not in the page");
        let own = fs::read_to_string(folder.path().join(format!("man/pcore-{verb}.1"))).unwrap();
        assert!(own.contains(&format!(".TH pcore-{verb} 1")), "{verb}: {own}");
    }
    let fit = text(&expect(0, pcore(folder.path()).args(["manual", "fit"])).stdout).replace("\\-", "-");
    assert!(fit.contains("--normal"), "{fit}");
    let wrong = text(&expect(2, pcore(folder.path()).args(["manual", "fitt"])).stderr);
    assert!(wrong.contains("'fitt'") && wrong.contains("fit, infer"), "{wrong}");
}

#[test]
fn the_help_of_fit_is_in_groups_and_the_short_one_fits_a_screen() {
    let folder = TempDir::new().unwrap();
    let help = |flag: &str| text(&expect(0, pcore(folder.path()).args(["fit", flag])).stdout);
    let (short, long) = (help("-h"), help("--help"));
    for heading in ["Input:", "Output:", "Method:", "Calibration:", "Machine:", "Messages:"] {
        for help in [&short, &long] {
            assert!(help.lines().any(|line| line == heading), "no {heading} in\n{help}");
        }
    }
    // An option that got no group would stand under clap's own heading with these two.
    let plain: Vec<&str> = long
        .lines()
        .skip_while(|l| *l != "Options:")
        .skip(1)
        .take_while(|l| l.is_empty() || l.starts_with(' '))
        .collect();
    let flags = plain.iter().filter(|line| line.trim_start().starts_with('-')).count();
    assert!(flags <= 2, "{plain:#?}");
    assert!(short.lines().count() <= 50, "{} lines\n{short}", short.lines().count());
    assert!(long.lines().count() > 2 * short.lines().count());
    assert!(!short.contains("--coreset-sample") && long.contains("--coreset-sample"));
}

//! What a terminal shows: colours, one bar, lines that fit.

use crate::support::{Fixture, expect, pcore, text};

const GREEN: &str = "\u{1b}[32m";

#[test]
fn verdicts_have_colours_only_where_they_are_wanted() {
    let fixture = Fixture::get();
    // (flags, NO_COLOR, whether there are colours): a pipe is no terminal.
    let cases: [(&[&str], bool, bool); 5] = [
        (&[], false, false),
        (&["--color", "auto"], true, false),
        (&["--color", "never"], false, false),
        (&["--color", "always"], false, true),
        (&["--color=always"], true, true),
    ];
    for (flags, no_color, expected) in cases {
        let mut command = pcore(fixture.path());
        command.args(["infer", "domain_C/test/good/000000.tiff"]).args(flags);
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let row = text(&expect(0, &mut command).stdout);
        assert_eq!(row.contains('\u{1b}'), expected, "{flags:?} {no_color}: {row:?}");
        let plain = row.replace(GREEN, "").replace("\u{1b}[1m\u{1b}[31m", "").replace("\u{1b}[0m", "");
        assert!(plain.starts_with("normal     score") || plain.starts_with("anomalous  score"), "{row:?}");
    }
}

/// What a terminal of endless length shows after these bytes: the control sequences that bars use, colours left out.
#[cfg(target_os = "linux")]
fn screen(bytes: &str) -> Vec<String> {
    let (mut lines, mut row, mut column) = (vec![Vec::<char>::new()], 0, 0);
    let mut characters = bytes.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                if row == lines.len() {
                    lines.push(vec![]);
                }
            }
            '\u{1b}' if characters.peek() == Some(&'[') => {
                characters.next();
                let mut parameters = String::new();
                let end = characters.by_ref().find(|c| {
                    parameters.extend(Some(*c).filter(|c| !c.is_alphabetic()));
                    c.is_alphabetic()
                });
                let count = parameters.parse().unwrap_or(1);
                match end {
                    Some('A') => row = row.saturating_sub(count),
                    Some('K') if parameters == "2" => lines[row].clear(),
                    Some('K') => lines[row].truncate(column),
                    _ => {}
                }
            }
            printed => {
                if lines[row].len() <= column {
                    lines[row].resize(column + 1, ' ');
                }
                lines[row][column] = printed;
                column += 1;
            }
        }
    }
    lines.into_iter().map(|line| line.into_iter().collect::<String>().trim_end().to_owned()).collect()
}

/// A run on a pseudo-terminal of 80 columns, or `None` where `script` is not there to make one.
#[cfg(target_os = "linux")]
fn on_terminal(arguments: &str) -> Option<String> {
    use std::process::Command;
    let fixture = Fixture::get();
    let line = format!("stty cols 80 rows 24; '{}' {arguments}", env!("CARGO_BIN_EXE_pcore"));
    let mut script = Command::new("script");
    script.args(["-qfec", &line, "/dev/null"]).current_dir(fixture.path());
    script.env("PCORE_HOME", fixture.path().join(".pcore")).env("TERM", "xterm").env_remove("NO_COLOR");
    match script.output() {
        Ok(output) if output.status.success() => Some(text(&output.stdout)),
        other => {
            skipped!("no pseudo-terminal ({other:?})");
            None
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn no_bar_is_left_among_the_rows_and_each_row_fits_the_terminal() {
    let fixture = Fixture::get();
    let folder = fixture.path().join("domain_C/train");
    let Some(bytes) = on_terminal(&format!("infer '{}'", folder.display())) else { return };
    assert!(bytes.contains("elapsed"), "no bar was drawn: {bytes:?}");
    assert!(bytes.contains(GREEN), "no colours: {bytes:?}");
    let lines = screen(&bytes);
    let rows: Vec<&String> = lines.iter().filter(|line| line.contains("  score ")).collect();
    assert_eq!(rows.len(), 40, "{lines:#?}");
    for row in rows {
        assert!(row.chars().count() <= 80, "{row}");
        assert!(row.starts_with("normal ") || row.starts_with("anomalous"), "{row}");
        assert!(row.ends_with(".tiff") && !row.contains("elapsed"), "{row}");
    }
    assert!(!lines.iter().any(|line| line.contains("elapsed")), "a bar was left: {lines:#?}");
}

#[test]
#[cfg(target_os = "linux")]
fn names_are_whole_where_no_terminal_reads_them() {
    let fixture = Fixture::get();
    let folder = fixture.path().join("domain_C/test/good");
    let output = expect(0, pcore(fixture.path()).arg("infer").arg(&folder));
    let rows = text(&output.stdout);
    assert_eq!(rows.lines().count(), 8);
    assert!(rows.lines().all(|row| row.contains(&folder.display().to_string())), "{rows}");
}

//! How text becomes safe in the templates (`*.html`, `*.svg`). `askama.toml` names [`Markup`] as what every `{{ .. }}` goes
//! through, except behind `|safe`, which is for templates in templates only.

use std::fmt::{Result, Write};

use askama::filters::{Escaper, Html};

/// The engine's escaping. Control characters, which neither HTML nor XML allows, become U+FFFD.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Markup;

impl Escaper for Markup {
    fn write_escaped_str<W: Write>(&self, dest: W, text: &str) -> Result {
        let is_barred = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        if text.contains(is_barred) {
            Html.write_escaped_str(dest, &text.replace(is_barred, "\u{fffd}"))
        } else {
            Html.write_escaped_str(dest, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::{Path, PathBuf};

    #[test]
    fn escaping_leaves_nothing_that_html_could_read() {
        let mut escaped = String::new();
        Markup.write_escaped_str(&mut escaped, "<img src='x' onerror=\"a&b\">\u{0}\u{1b}\n").unwrap();
        assert_eq!(escaped, "&#60;img src=&#39;x&#39; onerror=&#34;a&#38;b&#34;&#62;\u{fffd}\u{fffd}\n");
    }

    fn templates(folder: &Path) -> Vec<PathBuf> {
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        paths
            .flat_map(|path| if path.is_dir() { templates(&path) } else { vec![path] })
            .filter(|path| is_template(path))
            .collect()
    }

    fn is_template(path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension == "html" || extension == "svg")
    }

    /// Behind `|safe` stands what is a template itself, never a text.
    #[test]
    fn only_templates_in_templates_are_left_unescaped() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report");
        let templates = templates(&folder);
        assert!(templates.len() > 8, "{templates:?}");
        for path in templates {
            let text = fs::read_to_string(&path).unwrap();
            for expression in text.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap_or(rest)) {
                let parts: Vec<&str> = expression.trim_matches(['-', ' ']).split('|').collect();
                let is_safe = parts.iter().any(|part| part.trim() == "safe");
                let is_section =
                    ["section", "chart", "badge", "card", "row"].iter().any(|name| parts[0].trim().ends_with(name));
                assert_eq!(is_safe, is_section, "{}: {expression}", path.display());
            }
            assert!(!text.contains("{% filter") && !text.contains("escape"), "{}", path.display());
        }
    }
}

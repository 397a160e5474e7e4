//! Files and functions stay small enough to be read at once.

use super::sources::{root, sources};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::fs;

const FILE: usize = 400;
const FUNCTION: usize = 60;

/// Each function's name, its line, and how many lines it has to its closing brace; those in macros too.
fn functions(tokens: TokenStream) -> Vec<(String, usize, usize)> {
    let mut found = vec![];
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match (token, tokens.get(at + 1)) {
            (TokenTree::Group(group), _) => found.extend(functions(group.stream())),
            (TokenTree::Ident(word), Some(TokenTree::Ident(name))) if word == "fn" => {
                let end = tokens[at..].iter().find_map(|token| match token {
                    TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                        Some(body.span_close().end().line)
                    }
                    TokenTree::Punct(sign) if sign.as_char() == ';' => Some(0),
                    _ => None,
                });
                let begin = word.span().start().line;
                found.push((name.to_string(), begin, (end.unwrap_or(0) + 1).saturating_sub(begin)));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn the_lines_of_functions_are_counted_in_every_form() {
    let told = |text: &str| {
        let lines = functions(text.parse().unwrap());
        lines.iter().map(|(name, at, lines)| format!("{name} {at} {lines}")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(told("fn a() {}"), "a 1 1");
    assert_eq!(told("// {\nfn a(\n    x: [u8; 3],\n) -> u8 {\n    '}';\n    \"}\"\n}\n"), "a 2 6");
    assert_eq!(
        told("impl A {\n    fn a();\n    fn b() {\n        fn c() {\n        }\n    }\n}"),
        "a 2 0, b 3 4, c 4 2"
    );
    assert_eq!(told("m! {\n    #[test]\n    fn a(x in 1..2) {\n    }\n}\nconst F: fn(u8) = a;"), "a 3 2");
}

#[test]
fn no_file_and_no_function_is_too_long() {
    let mut wrong = vec![];
    let mut read = 0;
    for folder in ["src", "kernels", "tests", "benches", "examples", "fuzz", "build"] {
        for path in sources(&root().join(folder)) {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            let text = fs::read_to_string(&path).unwrap();
            read += 1;
            let lines = text.lines().count();
            if lines > FILE {
                wrong.push(format!("{name}: {lines} lines"));
            }
            for (function, at, lines) in functions(text.parse().unwrap()) {
                if lines > FUNCTION {
                    wrong.push(format!("{name}:{at}: {function} has {lines} lines"));
                }
            }
        }
    }
    assert!(read > 450, "only {read} source files found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

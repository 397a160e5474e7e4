//! The style sheet: in print, and what can be read.

#[test]
fn in_print_the_summary_has_its_pages_and_what_only_a_screen_can_do_is_hidden() {
    let style = include_str!("style.css");
    let (_, print) = style.split_once("@media print {").unwrap();
    assert!(style.contains("@page { size: A4;"));
    for hidden in [".tools", ".all", ".view", "#slider", ".pictures details", ".on-screen", ".card:nth-child(n + 7)"] {
        let rule = print.lines().find(|line| line.contains(hidden) && line.contains("display: none"));
        assert!(rule.is_some(), "{hidden}");
    }
    let whole = print.lines().find(|line| line.contains("break-inside: avoid")).unwrap();
    assert!([".tile", ".card", "figure", "tr"].iter().all(|part| whole.contains(part)));
    assert!(print.contains("color-scheme: light"), "dark is for screens");
}

/// Contrast of two colours as WCAG 2 defines it.
fn contrast(one: &str, other: &str) -> f64 {
    let light = |colour: &str| {
        let digits = colour.trim_start_matches('#');
        let digits = if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits.to_owned() };
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
    };
    let (one, other) = (light(one), light(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn texts_have_the_contrast_of_wcag_aa_in_light_and_dark_and_print() {
    assert!((contrast("#000", "#ffffff") - 21.0).abs() < 1e-9);
    let themes: Vec<&str> =
        include_str!("style.css").split(":root {").skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
    assert_eq!(themes.len(), 3);
    for theme in themes {
        let value = |name: &str| {
            let (_, rest) = theme.split_once(&format!("--{name}: ")).unwrap();
            rest.split(';').next().unwrap()
        };
        let on =
            [("ink", "page"), ("ink", "card"), ("muted", "page"), ("muted", "card"), ("blue", "page"), ("red", "card")];
        let more = [
            ("blue", "card"),
            ("orange", "card"),
            ("blue", "blue-soft"),
            ("orange", "orange-soft"),
            ("red", "red-soft"),
        ];
        for (text, ground) in on.into_iter().chain(more) {
            let found = contrast(value(text), value(ground));
            assert!(found >= 4.5, "{text} on {ground}: {found:.2}");
        }
        for bar in ["normal", "anomalous"] {
            assert!(contrast(value(bar), value("card")) >= 3.0, "{bar}");
        }
    }
}

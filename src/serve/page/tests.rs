//! Claims about every page.

use super::*;
use std::fs;
use std::path::Path;

const ROLES: [&str; 3] = ["viewer", "operator", "admin"];

/// Every page in every language, for every role.
fn all() -> Vec<(String, String)> {
    let mut drawn = vec![];
    for lang in Lang::ALL {
        for role in ROLES {
            for (name, path, draw) in fixtures::pages() {
                let shell = Shell { path: path.into(), ..fixtures::shell(lang, role) };
                drawn.push((format!("{name} {} {role}", lang.tag()), draw(&shell).unwrap()));
            }
        }
    }
    drawn
}

/// Names and values of the attributes of a tag, as a browser reads them.
fn attributes(tag: &str) -> Vec<(String, String)> {
    let mut found = vec![];
    let mut rest = tag.trim_start_matches('<').split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
    loop {
        rest = rest.trim_start();
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            return found;
        }
        let (value, after) = match after.strip_prefix("=\"") {
            Some(after) => after.split_once('"').unwrap_or((after, "")),
            None => ("", after),
        };
        assert!(!after.starts_with('='), "a value without quotation marks: {tag}");
        found.push((name.to_ascii_lowercase(), value.to_owned()));
        rest = after;
    }
}

/// The tags of a page. No value has a bare `>`, since it is escaped.
fn tags(page: &str) -> Vec<&str> {
    let starts = page.match_indices('<').map(|(at, _)| &page[at..]);
    starts.filter_map(|rest| rest.find('>').map(|end| &rest[..end])).filter(|tag| !tag.starts_with("</")).collect()
}

#[test]
fn the_policy_of_the_server_forbids_nothing_on_any_page() {
    for (name, page) in all() {
        for tag in tags(&page) {
            for (key, value) in attributes(tag) {
                assert!(key != "style" && !key.starts_with("on"), "{name}: {tag}");
                if ["href", "src", "action"].contains(&key.as_str()) {
                    let is_own = (value.starts_with('/') && !value.starts_with("//")) || value.starts_with('#');
                    assert!(is_own, "{name}: {tag}");
                }
            }
            assert!(!tag.starts_with("<style") && !tag.starts_with("<base"), "{name}: {tag}");
            assert!(!tag.starts_with("<script") || tag.contains(" src=\"/assets/"), "{name}: {tag}");
        }
    }
}

#[test]
fn templates_insert_nothing_unescaped() {
    let folder = Path::new(file!()).parent().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let templates = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let templates: Vec<_> = templates.filter(|path| path.extension().is_some_and(|end| end == "html")).collect();
    assert!(templates.len() >= 18, "{templates:?}");
    for path in templates {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("|safe") && !text.contains("| safe") && !text.contains("escape"), "{}", path.display());
    }
}

const HOSTILE: &str = "\"><script>alert('x')</script><img src=x onerror=alert(1)>&amp;{{ v }}</title>";

/// What is escaped reads as text again; the page has no tag of the name.
#[test]
fn a_hostile_name_is_text_on_every_page() {
    for lang in Lang::ALL {
        for (name, draw) in hostile::pages() {
            let shell = Shell { user: Some(HOSTILE.into()), path: HOSTILE.into(), ..fixtures::shell(lang, "admin") };
            let page = draw(&shell, HOSTILE).unwrap();
            assert!(page.contains("alert("), "{name}: the name is not on the page");
            assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{name}");
            for tag in tags(&page) {
                for (key, value) in attributes(tag) {
                    assert!(!key.starts_with("on") && value != "x", "{name}: {tag}");
                }
            }
        }
    }
}

/// What sends something that `role` may not send.
fn offers(page: &str) -> Vec<&str> {
    let is_offer =
        |tag: &&str| tag.contains("data-api=") || tag.contains("data-upload=") || tag.contains("data-label=");
    tags(page).into_iter().filter(is_offer).filter(|tag| !tag.contains("/login") && !tag.contains("/logout")).collect()
}

#[test]
fn what_a_role_does_not_allow_is_not_shown() {
    let for_admins = ["/api/v1/users", "/api/v1/tokens"];
    for (name, page) in all() {
        let offers = offers(&page);
        if name.ends_with("viewer") {
            // The slider of the threshold is seen, and can't be sent.
            let sent: Vec<_> = offers.iter().filter(|tag| !tag.contains("/threshold\"")).collect();
            assert!(sent.is_empty(), "{name}: {sent:?}");
            assert!(!page.contains("data-apply"), "{name}");
        }
        if name.ends_with("operator") {
            let is_of_admins = |tag: &&&str| {
                let deletes = tag.contains("DELETE") || tag.contains("PATCH");
                for_admins.iter().any(|path| tag.contains(path))
                    || tag.contains("\"/api/v1/lines\"")
                    || (deletes && (tag.contains("/lines/") || tag.contains("/detectors/")))
            };
            let refused: Vec<_> = offers.iter().filter(is_of_admins).collect();
            assert!(refused.is_empty(), "{name}: {refused:?}");
        }
    }
}

#[test]
fn the_first_page_is_small() {
    let files: usize = assets::ASSETS.iter().map(|asset| asset.text.len()).sum();
    for (name, page) in all() {
        assert!(page.len() + files < 200_000, "{name}: {} + {files} bytes", page.len());
    }
}

#[test]
fn pictures_have_their_place_before_they_come() {
    for (name, page) in all() {
        for tag in tags(&page).into_iter().filter(|tag| tag.starts_with("<img")) {
            let keys: Vec<String> = attributes(tag).into_iter().map(|(key, _)| key).collect();
            assert!(["width", "height", "alt"].iter().all(|key| keys.iter().any(|own| own == key)), "{name}: {tag}");
        }
    }
}

#[test]
fn the_language_is_told_and_spoken() {
    for (name, page) in all() {
        let (lang, other) = if name.contains(" ko ") { ("ko", "en") } else { ("en", "ko") };
        assert!(page.contains(&format!("<html lang=\"{lang}\"")), "{name}");
        assert!(!page.contains(&format!("<html lang=\"{other}\"")), "{name}");
        let english = ["Overview", "Settings", "Sign out"];
        assert!(lang == "en" || english.iter().all(|word| !page.contains(word)), "{name}");
    }
}

#[test]
fn every_icon_that_is_used_is_there() {
    for (name, page) in all() {
        for used in page.split("href=\"#i-").skip(1).map(|rest| rest.split('"').next().unwrap_or(rest)) {
            assert!(page.contains(&format!("id=\"i-{used}\"")), "{name}: {used}");
        }
    }
}

#[test]
fn files_are_found_by_name_alone() {
    assert!(assets::find("app.css").is_some_and(|asset| asset.text.contains("accent:")));
    assert!(assets::find("../mod.rs").is_none());
    assert_eq!(assets::address("app.js"), assets::address("app.js"));
}

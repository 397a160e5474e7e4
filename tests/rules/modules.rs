//! The modules of a crate as its files tell them: what each defines, what it names, and in which file that is.

use super::sources::sources;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The names from the crate's root to a module.
type Place = Vec<String>;

/// For each file the files whose items it uses, with these items.
pub(crate) type Used = BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>;

/// A leaf of a `use`: the path, and the name it has afterwards (`*` for all that a module has).
struct Use {
    path: Vec<String>,
    name: String,
    shown: bool,
}

/// A file, or a module with a body inside one.
#[derive(Default)]
struct Module {
    file: PathBuf,
    defines: BTreeSet<String>,
    uses: Vec<Use>,
    /// Methods in `impl Type { .. }`: the type and the method.
    methods: BTreeSet<(String, String)>,
    /// `a::b::c` in its code, outside `use`.
    paths: BTreeSet<Vec<String>>,
    /// All words of its code, outside `use`; macros with their `!`.
    words: BTreeSet<String>,
}

/// Where a name leads.
enum Found {
    Module(Place),
    File(PathBuf),
}

/// All modules of a crate, without tests.
#[derive(Default)]
pub(crate) struct Modules(BTreeMap<Place, Vec<Module>>);

impl Modules {
    /// The crate whose root file is `root`, of the files beside and below it that `is_part`.
    pub(crate) fn read(root: &Path, is_part: impl Fn(&Path) -> bool) -> Self {
        let mut all = Self::default();
        let folder = root.parent().unwrap();
        for path in sources(folder).into_iter().filter(|path| is_part(path)) {
            let place = place(folder, &path, root);
            let text = fs::read_to_string(&path).unwrap();
            all.add(place, &path, &text);
        }
        all
    }

    /// A module from the text of its file.
    pub(crate) fn add(&mut self, place: Place, file: &Path, text: &str) {
        let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        self.items(place, file, tokens);
    }

    fn items(&mut self, place: Place, file: &Path, tokens: TokenStream) {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        let tokens = without_tests(tokens);
        let mut code = vec![];
        let mut at = 0;
        while at < tokens.len() {
            let (word, next) = (word(tokens.get(at)), word(tokens.get(at + 1)));
            if word == "mod" {
                if let Some(TokenTree::Group(body)) = tokens.get(at + 2) {
                    self.items([place.clone(), vec![next]].concat(), file, body.stream());
                }
                at += 3;
                continue;
            }
            if word == "impl" {
                module.methods.extend(methods(&tokens[at + 1..]));
            }
            let defined = match word.as_str() {
                "struct" | "enum" | "trait" | "type" | "fn" | "const" | "static" | "union" => next,
                "macro_rules" => format!("{}!", self::word(tokens.get(at + 2))),
                _ => String::new(),
            };
            if !["", "_", "fn", "mut", "unsafe", "extern", "async"].contains(&defined.as_str()) {
                module.defines.insert(defined);
            }
            code.push(tokens[at].clone());
            at += 1;
        }
        module.code(&code);
        self.0.entry(place).or_default().push(module);
    }

    /// What a name means in a module.
    fn find(&self, place: &[String], name: &str, depth: usize) -> Option<Found> {
        let child = [place, &[name.to_owned()]].concat();
        if self.0.contains_key(&child) {
            return Some(Found::Module(child));
        }
        let here = self.0.get(place)?;
        if let Some(module) = here.iter().find(|module| module.defines.contains(name)) {
            return Some(Found::File(module.file.clone()));
        }
        let uses = || here.iter().flat_map(|module| &module.uses);
        let named = uses().filter(|used| used.name == name).find_map(|used| self.walk(place, &used.path, depth + 1));
        named.or_else(|| {
            uses().filter(|used| used.name == "*").find_map(|used| match self.walk(place, &used.path, depth + 1)? {
                Found::Module(all) if all != place => self.find(&all, name, depth + 1),
                _ => None,
            })
        })
    }

    /// Where a path leads from a module; `None` for what is outside the crate.
    fn walk(&self, place: &[String], path: &[String], depth: usize) -> Option<Found> {
        if depth > 8 {
            return None;
        }
        let mut now = match path.first()?.as_str() {
            "crate" => Found::Module(vec![]),
            "self" => Found::Module(place.to_vec()),
            "super" => Found::Module(place.split_last()?.1.to_vec()),
            name => self.find(place, name, depth)?,
        };
        for name in &path[1..] {
            let Found::Module(module) = &now else { break };
            now = match name.as_str() {
                "super" => Found::Module(module.split_last()?.1.to_vec()),
                "self" => continue,
                name => self.find(module, name, depth)?,
            };
        }
        Some(now)
    }

    /// The files with a method `Type::method`, where these are not the type's.
    fn apart(&self, place: &[String], path: &[String]) -> Vec<PathBuf> {
        let [ty @ .., method] = path else { return vec![] };
        let (Some(Found::File(home)), Some(name)) = (self.walk(place, ty, 0), ty.last()) else { return vec![] };
        let mut found = vec![];
        for (place, module) in self.0.iter().flat_map(|(place, modules)| modules.iter().map(move |m| (place, m))) {
            let is_meant = module.file != home && module.methods.contains(&(name.clone(), method.clone()));
            if is_meant && matches!(self.find(place, name, 0), Some(Found::File(file)) if file == home) {
                found.push(module.file.clone());
            }
        }
        found
    }

    /// For each file the files whose items it uses, with these items.
    pub(crate) fn used(&self) -> Used {
        let mut all = Used::new();
        for (place, module) in self.0.iter().flat_map(|(place, modules)| modules.iter().map(move |m| (place, m))) {
            let used = all.entry(module.file.clone()).or_default();
            // What a module only shows to others it does not use.
            let uses = module.uses.iter().filter(|used| !used.shown || module.words.contains(&used.name));
            for path in uses.map(|used| &used.path).chain(&module.paths) {
                if let Some(Found::File(file)) = self.walk(place, path, 0)
                    && file != module.file
                {
                    used.entry(file).or_default().insert(path.join("::"));
                }
            }
            for glob in module.uses.iter().filter(|used| used.name == "*") {
                let Some(Found::Module(all)) = self.walk(place, &glob.path, 0) else { continue };
                for word in module.words.iter().filter(|word| !module.defines.contains(*word)) {
                    if let Some(Found::File(file)) = self.find(&all, word, 0)
                        && file != module.file
                    {
                        used.entry(file).or_default().insert(word.clone());
                    }
                }
            }
            for method in module.paths.iter().filter(|path| path.len() > 1) {
                for file in self.apart(place, method).into_iter().filter(|file| *file != module.file) {
                    used.entry(file).or_default().insert(method.join("::"));
                }
            }
            for other in self.0.values().flatten().filter(|other| other.file != module.file) {
                // By a macro, or by all that a module has.
                let called = other.defines.iter().find(|name| name.ends_with('!') && module.words.contains(*name));
                if let Some(name) = called {
                    used.entry(other.file.clone()).or_default().insert(name.clone());
                }
            }
        }
        all
    }
}

impl Module {
    /// The words, paths and uses of code.
    fn code(&mut self, tokens: &[TokenTree]) {
        let mut at = 0;
        let mut shown = false;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Ident(ident) if ident == "pub" => shown = true,
                // `impl Trait + use<'a>` is none.
                TokenTree::Ident(ident) if ident == "use" && !is(tokens.get(at + 1), '<') => {
                    let end = at + tokens[at..].iter().take_while(|t| !is(Some(t), ';')).count();
                    self.leaves(&tokens[at + 1..end], &[], shown);
                    (at, shown) = (end, false);
                }
                TokenTree::Ident(_) => {
                    shown = false;
                    at = self.path(tokens, at);
                    continue;
                }
                // `pub(crate)`
                TokenTree::Group(group) if shown && group.delimiter() == Delimiter::Parenthesis => {}
                TokenTree::Group(group) => {
                    shown = false;
                    self.code(&group.stream().into_iter().collect::<Vec<_>>());
                }
                _ => shown = false,
            }
            at += 1;
        }
    }

    /// `a::b::c` from `at`; the place after it.
    fn path(&mut self, tokens: &[TokenTree], mut at: usize) -> usize {
        let mut path = vec![word(tokens.get(at))];
        while is(tokens.get(at + 1), ':') && is(tokens.get(at + 2), ':') && !word(tokens.get(at + 3)).is_empty() {
            at += 3;
            path.push(word(tokens.get(at)));
        }
        let called = if is(tokens.get(at + 1), '!') { "!" } else { "" };
        self.words.insert(format!("{}{called}", path[0]));
        if path.len() > 1 {
            self.paths.insert(path);
        }
        at + 1
    }

    /// The leaves of the tree of a `use`.
    fn leaves(&mut self, tree: &[TokenTree], before: &[String], shown: bool) {
        for part in tree.split(|token| is(Some(token), ',')) {
            let mut path = before.to_vec();
            let mut name = None;
            for (i, token) in part.iter().enumerate() {
                match token {
                    TokenTree::Ident(ident) if ident == "as" => {
                        name = Some(word(part.get(i + 1)));
                        break;
                    }
                    TokenTree::Ident(ident) => path.push(ident.to_string()),
                    TokenTree::Punct(punct) if punct.as_char() == '*' => name = Some("*".to_owned()),
                    TokenTree::Group(group) => {
                        self.leaves(&group.stream().into_iter().collect::<Vec<_>>(), &path, shown);
                        path.clear();
                    }
                    _ => {}
                }
            }
            if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            if let Some(last) = path.last().cloned() {
                self.uses.push(Use { path, name: name.unwrap_or(last), shown });
            }
        }
    }
}

/// Where a file stands in its crate; `#[path]` is known from the one place that has it.
fn place(folder: &Path, file: &Path, root: &Path) -> Place {
    if file == root {
        return vec![];
    }
    let relative = file.strip_prefix(folder).unwrap().with_extension("");
    let mut place: Place = relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    match place.last().map(String::as_str) {
        Some("mod") => drop(place.pop()),
        Some("no_gpu") => *place.last_mut().unwrap() = "gpu".to_owned(),
        _ => {}
    }
    place
}

/// The methods of the `impl` whose rest begins here; none for that of a trait.
fn methods(rest: &[TokenTree]) -> Vec<(String, String)> {
    let is_body = |token: &TokenTree| matches!(token, TokenTree::Group(g) if g.delimiter() == Delimiter::Brace);
    let Some(end) = rest.iter().position(is_body) else { return vec![] };
    let TokenTree::Group(body) = &rest[end] else { return vec![] };
    let mut depth = 0;
    let mut head = vec![];
    for token in &rest[..end] {
        depth += i32::from(is(Some(token), '<')) - i32::from(is(Some(token), '>'));
        head.extend((depth == 0).then(|| word(Some(token))).filter(|word| !word.is_empty()));
    }
    if head.iter().any(|word| word == "for") {
        return vec![];
    }
    let body: Vec<_> = body.stream().into_iter().collect();
    let named = body.windows(2).filter(|pair| word(Some(&pair[0])) == "fn").map(|pair| word(Some(&pair[1])));
    named.filter_map(|method| Some((head.first()?.clone(), method))).collect()
}

/// The tokens of a module without what `#[cfg(test)]` stands before.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let mut kept = vec![];
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let attribute = tokens.peek().map(ToString::to_string).unwrap_or_default().replace(' ', "");
        if is(Some(&token), '#') && (attribute.starts_with("[cfg(test)") || attribute.starts_with("[cfg(all(test,")) {
            let ends = |t: &TokenTree| matches!(t, TokenTree::Group(g) if g.delimiter() == Delimiter::Brace);
            let _item = tokens.find(|token| is(Some(token), ';') || ends(token));
        } else {
            kept.push(token);
        }
    }
    kept
}

/// The word that a token is; empty if it is none.
fn word(token: Option<&TokenTree>) -> String {
    if let Some(TokenTree::Ident(ident)) = token { ident.to_string() } else { String::new() }
}

fn is(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

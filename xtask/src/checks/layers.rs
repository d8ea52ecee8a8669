//! No module of the library uses a later one: `crates/tercet/layers.txt` has their order.
//!
//! Paths that begin with `crate`, `super` or `self` are read from the tokens of every file, including grouped imports. Items
//! of the crate's root are resolved through its re-exports. Test code is skipped: tests of a lower module may use a higher
//! one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::none_of;
use crate::repository::Repository;

const SOURCES: &str = "crates/tercet/src";
const ORDER: &str = "crates/tercet/layers.txt";

/// Reads every file of the library and checks its uses against the order.
pub fn check(repository: &Repository) -> Result<()> {
    let order = Order::parse(&repository.read(Path::new(ORDER))?);
    let root = Path::new(SOURCES);
    let re_exports = re_exports(&parse(&repository.read(&root.join("lib.rs"))?, &root.join("lib.rs"))?);
    let (mut findings, mut modules) = (Vec::new(), BTreeSet::new());
    for file in repository.files_with_extension("rs")? {
        let Ok(inside) = file.strip_prefix(root) else { continue };
        let path = module_path(inside);
        let Some(user) = path.first().filter(|name| *name != "lib").cloned() else { continue };
        modules.insert(user.clone());
        if is_test(inside) {
            continue;
        }
        let mut uses = Vec::new();
        find_uses(parse(&repository.read(&file)?, &file)?, &path, &mut uses);
        for Use { name, line } in uses {
            let used = re_exports.get(&name).unwrap_or(&name);
            if !order.allows(&user, used) {
                findings.push(format!("{}:{line}: {user} uses {used}", file.display()));
            }
        }
    }
    findings.extend(order.differences(&modules));
    none_of(
        findings,
        &format!("{ORDER} has the order of the modules: move what both need to the earlier one."),
    )
}

/// The order of the modules, lowest first.
struct Order {
    layers: Vec<String>,
}

impl Order {
    /// One module per line.
    fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Order { layers: lines.map(str::to_owned).collect() }
    }

    fn place(&self, module: &str) -> Option<usize> {
        self.layers.iter().position(|layer| layer == module)
    }

    /// Whether one module may use another. Modules that are not listed are reported elsewhere.
    fn allows(&self, user: &str, used: &str) -> bool {
        match (self.place(user), self.place(used)) {
            (Some(user), Some(used)) => used <= user,
            _ => true,
        }
    }

    /// Modules that are only in the order or only in the library.
    fn differences(&self, modules: &BTreeSet<String>) -> Vec<String> {
        let missing = modules.iter().filter(|module| self.place(module).is_none());
        let extra = self.layers.iter().filter(|layer| !modules.contains(*layer));
        let missing = missing.map(|module| format!("{ORDER}: the module {module} is missing"));
        missing.chain(extra.map(|layer| format!("{ORDER}: there is no module {layer}"))).collect()
    }
}

/// The part of a path after `crate`: a module, or an item of the root.
#[derive(Debug, PartialEq)]
struct Use {
    name: String,
    line: usize,
}

/// `train/mod.rs` is the module `train`, `train/plan.rs` is `train::plan`.
fn module_path(inside: &Path) -> Vec<String> {
    let stem = inside.with_extension("");
    let mut path: Vec<String> =
        stem.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

fn is_test(inside: &Path) -> bool {
    module_path(inside).iter().any(|name| name == "tests")
}

fn parse(source: &str, file: &Path) -> Result<TokenStream> {
    TokenStream::from_str(source).map_err(|error| anyhow!("{}: not Rust: {error}", file.display()))
}

/// The items that `lib.rs` re-exports, each with its module.
fn re_exports(tokens: &TokenStream) -> BTreeMap<String, String> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut found = BTreeMap::new();
    for (at, token) in tokens.iter().enumerate() {
        if is_word(token, "use")
            && let Some(TokenTree::Ident(module)) = tokens.get(at + 1)
        {
            for name in tokens[at + 2..].iter().take_while(|token| !is_sign(token, ';')) {
                match name {
                    TokenTree::Ident(name) => _ = found.insert(name.to_string(), module.to_string()),
                    TokenTree::Group(group) => {
                        let names =
                            group.stream().into_iter().filter(|token| matches!(token, TokenTree::Ident(_)));
                        found.extend(names.map(|name| (name.to_string(), module.to_string())));
                    }
                    _ => {}
                }
            }
        }
    }
    found
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(found) if found == word)
}

fn is_sign(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == sign)
}

/// Whether there is a `::` at a position.
fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    [at, at + 1].iter().all(|&at| tokens.get(at).is_some_and(|token| is_sign(token, ':')))
}

/// Collects the uses of the crate's root in a file, or in the block of a module.
fn find_uses(tokens: TokenStream, module: &[String], uses: &mut Vec<Use>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Punct(_) if is_test_attribute(&tokens, at) => {
                at = end_of_item(&tokens, at + 2);
                continue;
            }
            TokenTree::Ident(word) if word == "mod" => {
                if let [TokenTree::Ident(name), TokenTree::Group(block), ..] = &tokens[at + 1..] {
                    find_uses(block.stream(), &[module, &[name.to_string()]].concat(), uses);
                    at += 3;
                    continue;
                }
            }
            // Not in the middle of another path.
            TokenTree::Ident(_) if at < 2 || !is_path_separator(&tokens, at - 2) => {
                follow(&tokens[at..], module, None, uses);
            }
            TokenTree::Group(group) => find_uses(group.stream(), module, uses),
            _ => {}
        }
        at += 1;
    }
}

/// Follows a path, or a tree of imports, to the first name below the crate's root. `reached` is the module that it has
/// reached so far, from the root; `None` at the beginning.
fn follow(path: &[TokenTree], module: &[String], reached: Option<&[String]>, uses: &mut Vec<Use>) {
    let parent = |module: &[String]| module[..module.len().saturating_sub(1)].to_vec();
    match path.first() {
        Some(TokenTree::Ident(word)) => {
            let next = match (word.to_string().as_str(), reached) {
                ("crate", None) => Vec::new(),
                ("super", from) => parent(from.unwrap_or(module)),
                ("self", from) => from.unwrap_or(module).to_vec(),
                (name, Some(reached)) => {
                    let name = reached.first().map_or(name, String::as_str).to_owned();
                    return uses.push(Use { name, line: word.span().start().line });
                }
                (_, None) => return,
            };
            if is_path_separator(path, 1) {
                follow(&path[3..], module, Some(&next), uses);
            }
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace && reached.is_some() => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            for branch in inner.split(|token| is_sign(token, ',')) {
                follow(branch, module, reached, uses);
            }
        }
        _ => {}
    }
}

/// Whether `#[cfg(test)]` begins at a position.
fn is_test_attribute(tokens: &[TokenTree], at: usize) -> bool {
    is_sign(&tokens[at], '#')
        && matches!(tokens.get(at + 1), Some(TokenTree::Group(group))
            if group.stream().to_string().split_whitespace().collect::<String>() == "cfg(test)")
}

/// The position after an item: after its block or its semicolon.
fn end_of_item(tokens: &[TokenTree], from: usize) -> usize {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        other => is_sign(other, ';'),
    };
    tokens[from..].iter().position(is_end).map_or(tokens.len(), |length| from + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::planted;

    const LAYERS: (&str, &str) = (ORDER, "# The order\na\nb\nc\n");

    /// The result of the check for a library with the modules a, b and c and these contents.
    fn verdict(order: (&str, &str), files: &[(&str, &str)]) -> String {
        let (_folder, repository) = planted(&[&[order], files].concat());
        check(&repository).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    fn library<'a>(a: &'a str, b: &'a str) -> [(&'a str, &'a str); 4] {
        [
            ("crates/tercet/src/lib.rs", "pub mod a; pub mod b; mod c; pub use c::{C, D}; pub use a::A;"),
            ("crates/tercet/src/a.rs", a),
            ("crates/tercet/src/b/mod.rs", b),
            ("crates/tercet/src/c.rs", ""),
        ]
    }

    #[test]
    fn an_earlier_module_may_be_used_and_a_later_one_may_not() {
        assert_eq!(verdict(LAYERS, &library("", "use crate::a::X; fn f() { super::a::g() }")), "fine");
        let found = verdict(LAYERS, &library("", "use crate::a::X;\nuse crate::c::Y;"));
        assert!(found.starts_with("crates/tercet/src/b/mod.rs:2: b uses c\n"), "{found}");
    }

    /// Every way to name a later module.
    #[test]
    fn planted_uses_are_found() {
        for planted in [
            "use crate::b::x;",
            "use crate::{a, b::x};",
            "use crate::{a::{y, z}, self, b};",
            "use crate::b;",
            "use super::b::x;",
            "use super::{a, b};",
            "use self::super::b;",
            "fn f() { crate::b::x() }",
            "fn f() { g(|| vec![crate::b::X]) }",
            "mod inner { use super::super::b; }",
            "mod inner { use super::super::{a, b}; }",
            "pub(in crate::b) struct X;",
            "macro_rules! m { () => { $crate::b::x() } }",
            "impl From<crate::b::X> for Y {}",
            "use crate::C;",
            "use crate::{a, D as E};",
            "#[cfg(test)] mod tests;\nuse crate::b;",
            "#[cfg(test)] use crate::a; use crate::b;",
        ] {
            let found = verdict(LAYERS, &library(planted, ""));
            assert!(found.contains(": a uses "), "{planted}: {found}");
        }
    }

    #[test]
    fn other_paths_are_not_taken_for_uses() {
        for harmless in [
            "// use crate::b;\n/// [`crate::b`]\nconst A: &str = \"crate::b\";",
            "use other::crate_b::b; use b::x; fn f(b: u8) { b::<u8>() }",
            "mod inner { use super::b; use self::b; }",
            "use crate::A;",
            "pub(crate) fn f() {} pub(super) fn b() {}",
            "#[cfg(test)]\nmod tests { use crate::b::x; }",
            "#[cfg(test)] use crate::b; fn f() {}",
        ] {
            assert_eq!(verdict(LAYERS, &library(harmless, "")), "fine", "{harmless}");
        }
        let mut files = library("", "").to_vec();
        files.extend([
            ("crates/tercet/src/a/tests.rs", "use crate::b;"),
            ("crates/tercet/src/a/tests/more.rs", "use crate::c;"),
        ]);
        assert_eq!(verdict(LAYERS, &files), "fine");
    }

    #[test]
    fn the_order_names_every_module_and_no_other() {
        assert!(verdict((ORDER, "a\nb\n"), &library("", "")).contains("the module c is missing"));
        assert!(verdict((ORDER, "a\nb\nc\nd\n"), &library("", "")).contains("there is no module d"));
    }
}

//! Prints the public items of a crate, one in each line, from the JSON that rustdoc writes about it.
//!
//! The types of other crates come first, because a change of that part of a listing concerns all users of the crate.
//! `.ci/api` calls this for each crate and compares with the listings that are committed.

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::io::{self, Write};

use public_api::{Builder, PublicItem};

/// Our own crates, and Rust's, which every program has.
const OURS: [&str; 9] = [
    "alloc",
    "core",
    "gevent",
    "gevent_monkey",
    "gevent_threading",
    "greenlet_core",
    "hub",
    "std",
    "waiter",
];

/// Traits that the compiler implements by itself, which are left out because their number depends on its version.
/// `Send` and `Sync` are listed.
const AUTOMATIC: [&str; 6] = [
    "::Freeze for ",
    "::RefUnwindSafe for ",
    "::StructuralPartialEq for ",
    "::UnsafeUnpin for ",
    "::Unpin for ",
    "::UnwindSafe for ",
];

fn main() -> Result<(), Box<dyn Error>> {
    let json = env::args().nth(1).ok_or("usage: gevent-api FILE.json")?;
    let api = Builder::from_rustdoc_json(json).omit_blanket_impls(true).build()?;
    let mut items: Vec<_> = api.items().collect();
    items.sort_by(|a, b| PublicItem::grouping_cmp(a, b));
    let mut items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.retain(|item| !AUTOMATIC.iter().any(|name| item.contains(name)));
    let own = items
        .first()
        .and_then(|root| root.strip_prefix("pub mod "))
        .unwrap_or_default()
        .to_owned();
    for item in &mut items {
        *item = with_short_paths(item, &own);
    }
    let foreign: BTreeSet<_> = items.iter().flat_map(|item| foreign_paths(item)).collect();

    let mut out = io::stdout().lock();
    writeln!(out, "# Of other crates")?;
    for path in &foreign {
        writeln!(out, "{path}")?;
    }
    writeln!(out, "\n# All items")?;
    for item in &items {
        writeln!(out, "{item}")?;
    }
    Ok(())
}

/// Leaves out the modules in which other crates than `own`, and Rust's, keep their types: they are often private, and
/// no change of the interface when they change.
fn with_short_paths(item: &str, own: &str) -> String {
    let mut short = String::new();
    for word in item.split_inclusive(|c| !is_of_path(c)) {
        let path = word.trim_end_matches(|c| !is_of_path(c));
        let segments: Vec<_> = path.split("::").collect();
        let keep = [own, "alloc", "core", "std"].contains(&segments[0]) || path.ends_with(':');
        if keep || is_primitive(segments[0]) || segments.len() < 3 || !path.starts_with(char::is_lowercase) {
            short.push_str(path);
        } else {
            let of_type = segments.iter().position(|name| name.starts_with(char::is_uppercase));
            short.push_str(segments[0]);
            for segment in &segments[of_type.unwrap_or(segments.len() - 1)..] {
                short.push_str("::");
                short.push_str(segment);
            }
        }
        short.push_str(&word[path.len()..]);
    }
    short
}

/// The paths in `item` that begin with the name of another crate.
fn foreign_paths(item: &str) -> impl Iterator<Item = &str> {
    item.split(|c| !is_of_path(c))
        .map(|word| word.trim_matches(':'))
        .filter(|word| word.split_once("::").is_some_and(|(first, _)| is_foreign(first)))
}

fn is_of_path(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == ':'
}

fn is_foreign(first: &str) -> bool {
    first.starts_with(char::is_lowercase) && !OURS.contains(&first) && !is_primitive(first)
}

fn is_primitive(name: &str) -> bool {
    let digits = name.trim_start_matches(['f', 'i', 'u']);
    name == "str" || digits == "size" || digits.parse::<u8>().is_ok()
}

//! Prints what a crate offers to others, one item a line, from the JSON that rustdoc writes about it.
//!
//! The types of other crates come first: whoever changes that part of a listing decides for all who use the crate.
//! `.ci/api` calls this for each crate and compares with the listings that are committed.

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::io::{self, Write};

use public_api::{Builder, PublicItem};

/// Our own crates, and Rust's, which everybody has.
const OURS: [&str; 7] = [
    "alloc",
    "core",
    "gevent",
    "greenlet_core",
    "hub",
    "std",
    "waiter",
];

/// Traits that the compiler implements by itself. Which there are depends on its version; `Send` and `Sync` stay.
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
    let api = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .build()?;
    let mut items: Vec<_> = api.items().collect();
    items.sort_by(|a, b| PublicItem::grouping_cmp(a, b));
    let mut items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.retain(|item| !AUTOMATIC.iter().any(|name| item.contains(name)));
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

/// The paths in `item` that begin with the name of another crate.
fn foreign_paths(item: &str) -> impl Iterator<Item = &str> {
    item.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .map(|word| word.trim_matches(':'))
        .filter(|word| {
            word.split_once("::")
                .is_some_and(|(first, _)| is_foreign(first))
        })
}

fn is_foreign(first: &str) -> bool {
    let is_primitive = |name: &str| {
        let digits = name.trim_start_matches(['f', 'i', 'u']);
        name == "str" || digits == "size" || digits.parse::<u8>().is_ok()
    };
    first.starts_with(char::is_lowercase) && !OURS.contains(&first) && !is_primitive(first)
}

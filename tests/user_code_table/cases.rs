//! The names of the cases that try the rows of the table: literals like `"queue::Channel::{get, put} | Drop"`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::Lit;

use super::codes;
use super::source::collect;
use super::table::expanded;

/// Folders, and how the names of files, or of folders in them, with cases begin.
const CASES: [(&str, &str); 4] = [
    ("tests/user_code", "user_code"),
    ("hub/tests", "user_code"),
    ("waiter/tests", "user_code"),
    ("greenlet-core/tests", "user_code"),
];

/// The places and the code that cases are about.
pub(crate) fn cases() -> BTreeSet<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut calls = BTreeSet::new();
    for (folder, begin) in CASES {
        let mut files = Vec::new();
        collect(&root.join(folder), &mut files);
        for file in files {
            let within = file.strip_prefix(root).expect("it is below").components();
            let mut names = within.map(|name| name.as_os_str().to_string_lossy());
            if names.any(|name| name.starts_with(begin)) {
                let text = fs::read_to_string(&file).expect("it is a source");
                let tokens: TokenStream = text.parse().expect("it is a source");
                literals(tokens, &mut |literal| calls.extend(calls_of(literal)));
            }
        }
    }
    calls
}

fn literals(tokens: TokenStream, see: &mut impl FnMut(&str)) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => literals(group.stream(), see),
            TokenTree::Literal(literal) => {
                if let Lit::Str(text) = Lit::new(literal) {
                    let text = text.value();
                    if text.contains("::") && text.contains(" | ") {
                        see(&text);
                    }
                }
            }
            _ => {}
        }
    }
}

/// What the name of a case names, as far as it is one: places and code, `"place, place | Code, Code"`, several times
/// perhaps.
pub(crate) fn calls_of(name: &str) -> Vec<(String, String)> {
    let (mut calls, mut places, mut codes) = (Vec::new(), Vec::new(), 0);
    for part in apart(name) {
        let (place, code) = match part.split_once(" | ") {
            Some((place, code)) => (Some(place), Some(code)),
            None if part.contains("::") => (Some(&*part), None),
            None => (None, Some(&*part)),
        };
        if let Some(place) = place {
            if codes > 0 {
                places.clear();
                codes = 0;
            }
            places.extend(expanded(place));
        }
        if let Some(code) = code {
            codes += 1;
            // More may be said of it.
            let code = code.split(|c: char| !c.is_alphanumeric()).next();
            if let Some(code) = codes::words().find(|word| Some(*word) == code) {
                calls.extend(places.iter().map(|place| (place.clone(), code.to_owned())));
            }
        }
    }
    calls
}

/// What commas and semicolons are between, but those in braces.
fn apart(text: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for character in text.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' | ';' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is one").push(character);
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

//! docs/user-code.md, read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A row of one of the tables.
#[derive(Debug)]
pub(crate) struct Row {
    /// Without the braces: one name each.
    pub(crate) places: Vec<String>,
    pub(crate) codes: Vec<String>,
    pub(crate) guaranteed: String,
    /// Whether it is in the last table, of places whose signatures name nothing.
    pub(crate) is_elsewhere: bool,
}

impl Row {
    /// Each place with each code.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (String, String)> {
        let codes = |place: &String| {
            let place = place.clone();
            self.codes.iter().map(move |code| (place.clone(), code.clone()))
        };
        self.places.iter().flat_map(codes)
    }

    /// Whether something happens there that can be tried.
    pub(crate) fn is_called(&self) -> bool {
        !self.guaranteed.starts_with("not called")
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/user-code.md");
    let text = fs::read_to_string(page).expect("the page is there");
    let (mut rows, mut is_elsewhere) = (Vec::new(), false);
    for line in text.lines() {
        is_elsewhere |= line == "## Elsewhere";
        if let Some(row) = line.strip_prefix("| `") {
            rows.push(row_of(&format!("`{row}"), is_elsewhere));
        }
    }
    rows
}

fn row_of(line: &str, is_elsewhere: bool) -> Row {
    let columns: Vec<_> = line.trim_end_matches(" |").split(" | ").collect();
    let [places, codes, guaranteed] = columns[..] else {
        panic!("a row of docs/user-code.md has not three columns: {line}");
    };
    Row {
        places: quoted(places).flat_map(expanded).collect(),
        codes: quoted(codes).map(str::to_owned).collect(),
        guaranteed: guaranteed.to_owned(),
        is_elsewhere,
    }
}

/// What is in back quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// `a::{b, c}::d` is `a::b::d` and `a::c::d`.
pub(crate) fn expanded(place: &str) -> Vec<String> {
    let Some((before, rest)) = place.split_once('{') else {
        return vec![place.to_owned()];
    };
    let (names, after) = rest.split_once('}').expect("each brace has an end");
    let names = names.split(',').map(str::trim);
    names
        .flat_map(|name| expanded(&format!("{before}{name}{after}")))
        .collect()
}

/// The calls that more than one row tells of.
pub(crate) fn told_twice(rows: &[Row]) -> Vec<(String, String)> {
    let mut told = BTreeSet::new();
    let calls = rows.iter().flat_map(Row::calls);
    calls.filter(|call| !told.insert(call.clone())).collect()
}

//! The list of docs/virtual-threads.md names tests that exist.

use std::fs;
use std::path::Path;

#[test]
fn the_list_of_behaviours_names_tests() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(package.join("../docs/virtual-threads.md")).expect("it is there");
    let list = page
        .split("\n## ")
        .find(|part| part.starts_with("As in a thread: the list"));
    let rows = list
        .expect("there is a list")
        .lines()
        .filter(|line| line.starts_with("| "));
    let mut count = 0;
    for row in rows {
        let Some((file, name)) = row.split('`').rev().nth(1).and_then(|test| test.split_once("::")) else {
            continue;
        };
        let test = format!("#[test]\nfn {name}() {{");
        let is_there = ["virtual_threads", "locks_and_channels"].iter().any(|folder| {
            let source = fs::read_to_string(package.join(format!("tests/{folder}/{file}.rs")));
            source.is_ok_and(|source| source.contains(&test))
        });
        assert!(is_there, "{row}");
        count += 1;
    }
    assert!(count >= 40, "{count}");
}

//! The tables of gevent's and of greenlet's tests, in docs/, name tests of ours: they exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_tables_name_exists() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tables = fs::read_to_string(root.join("docs/gevent-tests.md"))?;
    tables.push_str(&fs::read_to_string(root.join("docs/greenlet-tests.md"))?);
    let mut sources: BTreeMap<&str, String> = BTreeMap::new();
    let mut missing = Vec::new();
    let mut count = 0;
    for (file, name) in tables.split('`').filter_map(|word| word.split_once("::")) {
        if !file.ends_with(".rs") {
            continue;
        }
        count += 1;
        if !sources.contains_key(file) {
            sources.insert(file, fs::read_to_string(root.join(file))?);
        }
        if !sources[file].contains(&format!("fn {name}(")) {
            missing.push(format!("{file}::{name}"));
        }
    }
    assert!(count > 100, "{count}");
    assert_eq!(missing, [] as [String; 0]);
    Ok(())
}

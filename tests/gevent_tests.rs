//! The pages in docs/ name functions: the tables of gevent's and of greenlet's tests those that test the same, the
//! architecture those that one comes by. They exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn every_function_that_the_pages_name_exists() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = String::new();
    for page in ["architecture", "gevent-tests", "greenlet-tests"] {
        pages.push_str(&fs::read_to_string(root.join(format!("docs/{page}.md")))?);
    }
    let mut sources: BTreeMap<&str, String> = BTreeMap::new();
    let mut missing = Vec::new();
    let mut count = 0;
    for (file, name) in pages.split('`').filter_map(|word| word.split_once("::")) {
        if !file.ends_with(".rs") {
            continue;
        }
        count += 1;
        if !sources.contains_key(file) {
            sources.insert(file, fs::read_to_string(root.join(file))?);
        }
        let is_there = |end| sources[file].contains(&format!("fn {name}{end}"));
        if !is_there('(') && !is_there('<') {
            missing.push(format!("{file}::{name}"));
        }
    }
    assert!(count > 100, "{count}");
    assert_eq!(missing, [] as [String; 0]);
    Ok(())
}

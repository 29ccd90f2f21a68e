//! Checks that the sources and tests which the table in docs/errors.md names exist.

use std::fs;
use std::path::Path;

#[test]
fn every_place_and_test_of_the_table_exists() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/errors.md"))?;
    let mut wrong = Vec::new();
    let mut rows = 0;
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        rows += 1;
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [place, ordinary, thrown, test] = cells[..] else {
            wrong.push(format!("not four cells: {row}"));
            continue;
        };
        if ordinary.is_empty() || thrown.is_empty() {
            wrong.push(format!("says nothing: {row}"));
        }
        for cell in [place, test] {
            let names: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
            if names.is_empty() {
                wrong.push(format!("names nothing: {cell}"));
            }
            for name in names {
                let Some((file, function)) = name.split_once("::") else {
                    wrong.push(format!("neither a test nor a function: {name}"));
                    continue;
                };
                let text = fs::read_to_string(root.join(file)).unwrap_or_default();
                let named = [format!("fn {function}("), format!("fn {function}<")];
                if !named.iter().any(|name| text.contains(name)) {
                    wrong.push(name.to_owned());
                } else if cell == test
                    && !text.contains(&format!("#[test]\nfn {function}("))
                    && !text.contains(&format!("#[test]\n    fn {function}("))
                {
                    wrong.push(format!("no test: {name}"));
                }
            }
        }
    }
    assert!(rows > 25, "{rows}");
    assert_eq!(wrong, [] as [String; 0]);
    Ok(())
}

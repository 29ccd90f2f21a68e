//! The example `dns_mass_resolve`.

use std::fmt::Write;

use crate::common::folder::Folder;
use crate::common::process::{Process, example};
use crate::common::{Result, SOON};

#[test]
fn dns_mass_resolve_finds_all_names() -> Result {
    let folder = Folder::new()?;
    let file = folder.path("hosts");
    let (mut hosts, mut expected) = (String::new(), Vec::new());
    for number in 0..200 {
        writeln!(hosts, "192.0.2.{number} host-{number} # a comment")?;
        expected.push(format!("host-{number} = 192.0.2.{number}"));
    }
    std::fs::write(&file, hosts)?;
    expected.extend((0..1000).map(|number| format!("{number}.com = 10.0.{}.{}", number / 256, number % 256)));
    let ended = Process::spawn(example("dns_mass_resolve")?.arg(&file))?.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(ended.stderr, "");
    let (found, last) = ended.stdout.rsplit_once('\n').ok_or("only one line")?;
    assert!(last.starts_with("found 1200 of 1200 names in "), "{last}");
    let mut found: Vec<_> = found.lines().collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    Ok(())
}

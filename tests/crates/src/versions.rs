//! The versions of the crates, as the lock file has them.

const LOCK: &str = include_str!("../Cargo.lock");

/// The version of a crate that this package names; none for std, or a crate that it does not name.
pub fn version(name: &str) -> Option<&'static str> {
    let ours = package("gevent-crates-tests").next()?;
    // `name`, or `name version` if there are several.
    let mut dependencies = ours
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","));
    let dependency = dependencies.find(|dependency| dependency.split(' ').next() == Some(name))?;
    match dependency.split_once(' ') {
        Some((_, version)) => Some(version),
        None => package(name)
            .next()?
            .lines()
            .find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"')),
    }
}

/// The entries of a package.
fn package(name: &str) -> impl Iterator<Item = &'static str> {
    let head = format!("\nname = \"{name}\"\n");
    LOCK.split("[[package]]").filter(move |entry| entry.starts_with(&head))
}

#[test]
fn versions_are_found() {
    assert!(version("parking_lot").is_some_and(|version| version.starts_with("0.12.")));
    assert!(version("ureq").is_some_and(|version| version.starts_with("3.")));
    assert_eq!(version("std"), None);
}

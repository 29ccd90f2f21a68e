//! Programs that must be installed for a test.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Whether the programs can be run. Where they cannot, the tests that need them say so, with the Debian package to
/// install, and pass, except in CI.
pub(crate) fn installed(programs: &[&str], package: &str) -> bool {
    let missing: Vec<_> = programs
        .iter()
        .filter(|program| Command::new(program).arg("--version").output().is_err())
        .copied()
        .collect();
    if !missing.is_empty() {
        say_skipped(format!(
            "{} not found: install Debian's package `{package}`",
            missing.join(" and ")
        ));
    }
    missing.is_empty()
}

/// Says once that tests are skipped. In CI none may be.
pub(crate) fn say_skipped(message: String) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if !said.contains(&message) {
        // This is written past the test harness, which would capture it.
        drop(writeln!(std::io::stderr(), "SKIPPED: {message}"));
        said.insert(message);
    }
}

//! Mistakes of those who port code to gevent: each program in `mistakes` must not compile. What the compiler
//! says to it is in the file beside it, and has in it what the program's first lines call the cure.
//!
//! The compiler's own part of the text differs between its versions, so the programs are compiled by one of them
//! only. When that is to be another: change `RUSTC`, run with `TRYBUILD=overwrite`, and read the difference.

use std::env;
use std::error::Error;
use std::fs;
use std::process::{Command, exit};

/// The compiler whose texts these are.
const RUSTC: &str = "rustc 1.95.";

const MISTAKES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mistakes");

fn main() -> Result<(), Box<dyn Error>> {
    check_cures()?;
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = String::from_utf8(Command::new(rustc).arg("--version").output()?.stdout)?;
    let version = version.trim();
    if !version.starts_with(RUSTC) {
        println!("compile_errors: SKIPPED: the texts are of {RUSTC}*, and this is {version}");
        return Ok(());
    }
    // Cargo says it, but this may have been started by somebody else.
    let package = "CARGO_PKG_NAME";
    if env::var_os(package).is_none() {
        let mut again = Command::new(env::current_exe()?);
        let status = again.env(package, env!("CARGO_PKG_NAME")).status()?;
        exit(status.code().unwrap_or(1));
    }
    trybuild::TestCases::new().compile_fail("mistakes/*.rs");
    Ok(())
}

/// Each mistake has a cure, and the compiler names it.
fn check_cures() -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(MISTAKES)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let mistake = fs::read_to_string(&path)?;
        let said = fs::read_to_string(path.with_extension("stderr")).unwrap_or_default();
        let cures: Vec<_> = mistake
            .lines()
            .filter_map(|line| line.strip_prefix("//! Cure: "))
            .collect();
        assert!(!cures.is_empty(), "{} names no cure", path.display());
        for cure in cures {
            // The very first time the text is not there yet.
            let named = said.is_empty() || said.contains(cure);
            assert!(named, "the compiler does not say {cure} to {path:?}");
        }
    }
    Ok(())
}

//! Tests common mistakes in ported code: no program in `mistakes` may compile. The compiler's message is in the file
//! beside the program, and contains the remedy that the program's first lines name as `cure`.
//!
//! The compiler's own part of a message differs between versions, so the programs are compiled by one version only. To
//! use another one, change `RUSTC`, run with `TRYBUILD=overwrite`, and read the difference.

use std::env;
use std::error::Error;
use std::fs;
use std::process::{Command, exit};

/// The version of the compiler whose messages are recorded.
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
    // Cargo sets this variable, but another program may have started this one.
    let package = "CARGO_PKG_NAME";
    if env::var_os(package).is_none() {
        let mut again = Command::new(env::current_exe()?);
        let status = again.env(package, env!("CARGO_PKG_NAME")).status()?;
        exit(status.code().unwrap_or(1));
    }
    trybuild::TestCases::new().compile_fail("mistakes/*.rs");
    Ok(())
}

/// Checks that each mistake names a cure, and that the compiler's message contains it.
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
            // The first time there is no recorded message yet.
            let named = said.is_empty() || said.contains(cure);
            assert!(named, "the compiler does not say {cure} to {path:?}");
        }
    }
    Ok(())
}

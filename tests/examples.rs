//! Tests that the examples which end by themselves succeed. The portforwarder has tests of its own.

#[allow(dead_code)] // each test takes from it what it needs
mod common;

use common::process::{Process, example};
use common::{Result, SOON};

#[test]
fn demo_succeeds() -> Result {
    let demo = Process::spawn(example("demo")?.arg("--quick"))?;
    let ended = demo.wait(2 * SOON)?;
    let output = format!("{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.status.success(), "{output}");
    assert!(ended.stdout.contains("libev"), "{output}");
    assert_eq!(ended.stderr, "", "{output}");
    Ok(())
}

#[test]
fn demo_says_what_it_takes() -> Result {
    let ended = Process::spawn(example("demo")?.arg("--slow"))?.wait(SOON)?;
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("usage"), "{}", ended.stderr);
    Ok(())
}

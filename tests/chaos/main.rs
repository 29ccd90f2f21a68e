//! Random programs of safe code that do to greenlets, hubs and threads whatever can be done to them: each ends, nothing
//! is touched that is gone, nothing panics or aborts but what does so on purpose, and everything that was owned is
//! dropped exactly once, or never where a thread has just returned. AddressSanitizer says more.
//!
//! `CHAOS_SEED=5 CHAOS_PROGRAMS=1 cargo test --features chaos --test chaos` runs the fifth program, `CHAOS_SECONDS=600`
//! ten minutes of them. The clock and other threads have a say in what happens, so a program that fails may have to be
//! tried again.
//!
//! With `CHAOS_LEAKS=1` a leak checker may look for what is lost: no destructor panics, and each program has a process
//! of its own. Only in a program in which the unwinding of a greenlet has come to a destructor that waits, leaks do not
//! count: rustc forgets what is being returned then (rust-lang/rust#47949). How many those are is said at the end.
//!
//! What aborts by design is left out: panics while something unwinds, scopes whose greenlets swallow their
//! unwinding. So are scopes whose greenlets unwind the scope's own caller, whose stack is given up then. A program that
//! waits for something that never comes, while something else keeps the loop going, has all its waits ended after a
//! while.

#![forbid(unsafe_code)]

mod canary;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../common/mod.rs"]
mod common;
mod forgets;
#[path = "../../hub/tests/fuzz/mod.rs"]
mod fuzz;
mod program;
mod steps;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::time::Duration;

use common::process::Process;
use fuzz::Seeds;

/// So many programs one child process runs.
const BATCH: u64 = 25;

/// A program that hangs ends its process itself, before that.
const BOUND: Duration = Duration::from_secs(300);

const CHILD: &str = "CHAOS_CHILD";

#[test]
fn whatever_safe_code_does_is_sound_and_ends() -> common::Result {
    let mut seeds = Seeds::of("CHAOS", 200);
    let (mut programs, mut not_judged) = (0, 0);
    let batch = if program::looks_for_leaks() { 1 } else { BATCH };
    while let Some((first, count)) = seeds.batch(batch) {
        let mut child = common::this_program::command();
        child
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(CHILD, "1")
            .env_remove("CHAOS_SECONDS")
            .env("CHAOS_SEED", first.to_string())
            .env("CHAOS_PROGRAMS", count.to_string());
        let ended = Process::spawn(&mut child)?.wait(BOUND)?;
        let mut begun = ended.stdout.lines().filter_map(|line| line.strip_prefix("program "));
        let last = begun.next_back().unwrap_or("?");
        let only_leaks = batch == 1
            && ended.stdout.contains(program::FORGETS)
            && ended.stdout.contains("test result: ok")
            && ended.stderr.contains("ERROR: LeakSanitizer");
        not_judged += u64::from(only_leaks);
        assert!(
            (ended.status.success() || only_leaks) && last == (first + count - 1).to_string(),
            "{}\n{}\nto run it again: CHAOS_SEED={last} CHAOS_PROGRAMS=1 cargo test --features chaos --test chaos",
            ended.stderr,
            ended.status,
        );
        programs += count;
    }
    println!("{programs} programs, in {not_judged} of which rustc has forgotten something");
    Ok(())
}

/// The children's side.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_some() {
        program::prepare();
        for seed in Seeds::of("CHAOS", 1) {
            // The test harness has begun a line.
            println!("\nprogram {seed}");
            program::run(seed);
        }
    }
}

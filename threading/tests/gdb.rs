//! gdb shows the frames of a virtual thread up to its beginning, and says nothing of a corrupt stack. The process is
//! this program, run once more.

#![cfg(virtual_threads)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use gevent_threading::{spawn, supported, yield_now};

#[path = "../../tests/common/this_program.rs"]
mod this_program;

/// Makes this program be the one that is looked at.
const CASE: &str = "TEST_GDB_CASE";

#[inline(never)]
fn looks_at_itself(depth: u32) -> u32 {
    if depth > 0 {
        return looks_at_itself(depth - 1) + std::hint::black_box(1);
    }
    // It is stopped here, with its own thread pointer.
    println!("ready");
    loop {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

fn be_looked_at() {
    // SAFETY: the calls take numbers. Any process may trace this one, which does not live for ever.
    unsafe {
        libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY, 0, 0, 0);
        libc::alarm(300);
    }
    let thread = spawn(|| {
        yield_now();
        looks_at_itself(3)
    });
    let _ = thread.join();
}

#[test]
fn a_backtrace_goes_up_to_the_beginning_of_the_virtual_thread() {
    if std::env::var_os(CASE).is_some() {
        return be_looked_at();
    }
    if let Err(reason) = supported() {
        eprintln!("SKIPPED: {reason}");
        return;
    }
    if std::env::var_os(this_program::RUNNER).is_some() {
        eprintln!("SKIPPED: gdb would look at the emulator");
        return;
    }
    if Command::new("gdb").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no gdb");
        return;
    }
    let mut process = this_program::command()
        .args([
            "--exact",
            "a_backtrace_goes_up_to_the_beginning_of_the_virtual_thread",
            "--nocapture",
        ])
        .env(CASE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let said = BufReader::new(process.stdout.take().expect("it is a pipe")).lines();
    let is_ready = said.map_while(Result::ok).any(|line| line.ends_with("ready"));
    let gdb = Command::new("gdb")
        .args(["-batch", "-nx", "-iex", "set debuginfod enabled off", "-p"])
        .arg(process.id().to_string())
        .args(["-ex", "thread apply all backtrace"])
        .output();
    process.kill().expect("it runs");
    process.wait().expect("it is our child");
    assert!(is_ready);
    let gdb = gdb.expect("it starts");
    let shown = String::from_utf8_lossy(&gdb.stdout) + String::from_utf8_lossy(&gdb.stderr);
    assert_eq!(shown.matches("gdb::looks_at_itself").count(), 4, "{shown}");
    // The function, the call in its block, and the greenlet that carries it.
    let mut rest = &*shown;
    for part in [
        "gdb::be_looked_at",
        "machine::crossing::inside::",
        "spawn::carry",
        "greenlet_core::arch::",
    ] {
        let place = rest.find(part);
        rest = &rest[place.unwrap_or_else(|| panic!("no {part} in {shown}"))..];
    }
    for wrong in ["corrupt stack", "Backtrace stopped", "unwinding failed"] {
        assert!(!shown.contains(wrong), "{shown}");
    }
}

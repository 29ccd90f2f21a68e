//! docs/gdb/gevent.py lists a thousand parked greenlets and their backtraces, in a live process and in a core dump. The
//! process is this program, run once more.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::env;
use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use common::folder::Folder;
use common::installed::installed;
use common::process::Process;
use common::{Result, SOON, this_program};
use gevent::event::Event;
use gevent::{Exception, sleep, spawn};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

/// Makes this program be the one that is looked at.
const CASE: &str = "TEST_GDB_CASE";
const GREENLETS: usize = 1000;

#[inline(never)]
fn waits_for_ever(event: &Event) -> std::result::Result<(), Exception> {
    event.wait()?;
    // With something left to do, this function has a frame.
    black_box(event);
    Ok(())
}

/// Parks greenlets, and waits to be looked at and killed.
fn park() -> Result {
    // SAFETY: the call takes numbers. Any process may trace this one.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY, 0, 0, 0) };
    // Its core dump may be as large as the system allows.
    let limit = getrlimit(Resource::Core);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Core, most)?;
    let event = Event::new();
    let parked: Vec<_> = (0..GREENLETS)
        .map(|_| {
            let event = event.clone();
            spawn(move || waits_for_ever(&event))
        })
        .collect();
    sleep(0)?;
    println!("parked");
    sleep(3600)?;
    drop(parked);
    Ok(())
}

/// What gdb and the script say to these commands.
fn gdb(arguments: &[&str], commands: &[&str]) -> Result<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/gdb/gevent.py");
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-nx", "-iex", "set debuginfod enabled off"])
        .args(arguments)
        .arg("-x")
        .arg(script);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    let ended = Process::spawn(&mut gdb)?.wait(5 * SOON)?;
    Ok(ended.stdout + &ended.stderr)
}

/// Checks the list, and the backtrace of one of the greenlets in it.
fn check(arguments: &[&str]) -> Result {
    let list = gdb(arguments, &["greenlets"])?;
    let parked: Vec<_> = list.lines().filter(|line| line.contains("parked in ")).collect();
    let ours = |line: &&&str| line.contains("waits_for_ever") && line.contains("tests/gdb.rs:");
    assert_eq!(parked.iter().filter(ours).count(), GREENLETS, "{list}");
    let id = parked
        .iter()
        .find(ours)
        .and_then(|line| line.strip_prefix('#')?.split(' ').next());
    let backtrace = gdb(arguments, &[&format!("greenlets {}", id.expect("it was found"))])?;
    for part in ["event::Event::wait", "waits_for_ever", "greenlet_core::arch::"] {
        assert!(backtrace.contains(part), "no {part} in {backtrace}");
    }
    Ok(())
}

/// Says what is not tested on this machine, past the test harness, which would capture it.
fn skip(what: &str) -> Result {
    Ok(writeln!(std::io::stderr(), "SKIPPED: {what}")?)
}

#[test]
fn a_thousand_parked_greenlets_are_listed() -> Result {
    if env::var_os(CASE).is_some() {
        return park();
    }
    if env::var_os(this_program::RUNNER).is_some() {
        return skip("an emulated process cannot be debugged");
    }
    if !installed(&["gdb"], "gdb") {
        return Ok(());
    }
    let folder = Folder::new()?;
    let program = env::current_exe()?.display().to_string();
    let process = Process::spawn(
        this_program::command()
            .args(["--exact", "a_thousand_parked_greenlets_are_listed", "--nocapture"])
            .env(CASE, "1")
            .current_dir(folder.path("")),
    )?;
    process.stdout().line_with("parked", 0, SOON)?;
    check(&["-p", &process.id().to_string()])?;

    // The system writes the core dump. gdb's own `gcore` leaves out what is behind a guard.
    process.signal(Signal::ABORT)?;
    let ended = process.wait(SOON)?;
    let core = fs::read_dir(folder.path(""))?.next();
    match core {
        Some(core) => check(&[&program, &core?.path().display().to_string()]),
        None => {
            let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern")?;
            // A file in the folder would be found.
            let elsewhere = pattern.starts_with(['|', '/']) || getrlimit(Resource::Core).maximum == Some(0);
            assert!(elsewhere, "no core dump, {:?}: {pattern}{}", ended.status, ended.stderr);
            skip(&format!(
                "the core dump: such dumps go to {}, or none is allowed",
                pattern.trim()
            ))
        }
    }
}

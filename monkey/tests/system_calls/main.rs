//! gevent's own calls of the system are the same in a program that is patched, and in one that does not have the
//! patches at all: strace compares them.
//!
//! The work is that of an echo server and its clients, in plain greenlets of one thread, so that each call follows from
//! the one before.

#[path = "../../examples/echo_calls/work.rs"]
mod work;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The argument that makes this program work itself.
const WORK: &str = "--work";

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some(WORK) => {
            let patch = || {
                // SAFETY: the greenlets here keep nothing in thread-locals over calls that block.
                unsafe { gevent_monkey::greenlets::patch_all() };
                // The C library's own functions are known by now.
                assert!(gevent_monkey::is_module_patched("socket"));
            };
            let patched = env::args().nth(2).as_deref() == Some("patched");
            work::work(if patched { patch } else { || {} });
            return ExitCode::SUCCESS;
        }
        // Whoever lists tests, or asks for others.
        Some("--list") => return ExitCode::SUCCESS,
        _ => {}
    }
    if Command::new("strace").arg("-V").output().is_err() {
        println!("SKIPPED: there is no strace");
        return ExitCode::SUCCESS;
    }
    let this = env::current_exe().expect("it is a file");
    let without = trace(&without_patches(&this), &[]);
    assert!(without.len() > 1000, "the work was seen: {without:#?}");
    assert!(
        without.iter().any(|call| call.starts_with("epoll_wait")),
        "{without:#?}"
    );
    for mode in ["linked", "patched"] {
        let with = trace(&this, &[WORK, mode]);
        for (number, calls) in without.iter().zip(&with).enumerate() {
            assert_eq!(calls.0, calls.1, "{mode}: the call number {number}");
        }
        assert_eq!(without.len(), with.len(), "{mode}");
        println!("{mode}: {} calls, which are the same", with.len());
    }
    ExitCode::SUCCESS
}

/// The example that does the work alone. It is built here if that was not done yet.
fn without_patches(this: &Path) -> PathBuf {
    let profile = this.ancestors().nth(2).expect("this is target/PROFILE/deps/TEST");
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "build",
        "--quiet",
        "--package",
        "gevent-monkey",
        "--example",
        "echo_calls",
        "--target-dir",
    ]);
    build.arg(profile.parent().expect("this is target/PROFILE"));
    if profile.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().expect("cargo is there").success());
    profile.join("examples/echo_calls")
}

/// The calls of the system that a program makes during its work, without what is different each time.
fn trace(program: &Path, arguments: &[&str]) -> Vec<String> {
    let output = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("strace-{}", std::process::id()));
    let status = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&output)
        .arg(program)
        .args(arguments)
        .status();
    assert!(status.expect("strace runs").success());
    let text = std::fs::read_to_string(&output).expect("strace has written it");
    let _ = std::fs::remove_file(&output);
    let calls = text
        .lines()
        .map(|line| line.split_once(' ').map_or(line, |(_, call)| call.trim_start()));
    let work = calls.skip_while(|call| !call.contains(work::BEGIN)).skip(1);
    let work = work.take_while(|call| !call.contains(work::END));
    // What memory a program takes follows from what it has done before.
    let memory = [
        "brk(",
        "mmap(",
        "munmap(",
        "mprotect(",
        "madvise(",
        "process_madvise(",
        "mremap(",
    ];
    work.filter(|call| !memory.iter().any(|name| call.starts_with(name)))
        .map(without_addresses)
        .collect()
}

/// Addresses of memory, and ports that the system has chosen, are other ones each time.
fn without_addresses(call: &str) -> String {
    let mut text = String::new();
    let mut rest = call;
    while let Some(at) = ["0x", "htons("]
        .iter()
        .filter_map(|mark| Some((rest.find(mark)?, mark.len())))
        .min()
    {
        let (begin, len) = at;
        text.push_str(&rest[..begin + len]);
        rest = rest[begin + len..].trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
        text.push('_');
    }
    text += rest;
    // strace puts results below one another.
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

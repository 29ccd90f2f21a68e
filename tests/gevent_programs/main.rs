//! Runs random programs of spawns, links, kills, joins, timeouts, events and waiters, which must do step by step what
//! they did in gevent 26.9.0. See the README beside this file.

mod objects;
mod steps;
mod world;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::time::Duration;
use std::{env, fs, thread};

use world::{Objects, World};

/// The time limit of a program.
const BOUND: Duration = Duration::from_secs(60);

/// The folder of the programs and of gevent's logs, by default.
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gevent_programs");

/// The lines that follow each line that begins with `program`.
fn by_program(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut programs: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match programs.last_mut() {
            Some((_, lines)) if !line.starts_with("program ") => lines.push(line),
            _ => programs.push((line, Vec::new())),
        }
    }
    programs
}

/// Runs a program, and returns its log. Each program has a thread of its own, and so a hub.
fn run(program: &[&str]) -> Vec<String> {
    let functions: BTreeMap<String, Vec<String>> = program
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(who, steps)| (who.to_owned(), steps.split("; ").map(String::from).collect()))
        .collect();
    let (done, lines) = channel();
    let thread = thread::spawn(move || {
        let world = Rc::new(World::new(functions, Objects::new().expect("a loop")));
        world.main();
        // The send fails if the time limit is over.
        let _ = done.send(world.lines());
    });
    match lines.recv_timeout(BOUND) {
        Ok(lines) => {
            // Greenlets that are left end with the thread.
            thread.join().expect("it has not panicked");
            lines
        }
        Err(problem) => vec![format!("no end: {problem}")],
    }
}

/// The first line that differs, with some lines before it.
fn difference(there: &[&str], here: &[String]) -> Option<String> {
    let mut at = 0;
    while there.get(at).copied() == here.get(at).map(String::as_str) {
        if at == there.len() {
            return None;
        }
        at += 1;
    }
    let before = there[at.saturating_sub(8)..at].join("\n    ");
    let (there, here) = (there.get(at), here.get(at));
    Some(format!("    {before}\n  there {there:?}\n  here  {here:?}"))
}

fn main() -> ExitCode {
    let list = env::args().any(|argument| argument == "--list");
    if list {
        println!("gevent_programs: test");
        return ExitCode::SUCCESS;
    }
    let folder = env::var("GEVENT_PROGRAMS").unwrap_or(HERE.to_owned());
    let read = |name| fs::read_to_string(Path::new(&folder).join(name)).expect("it is there");
    let (programs, traces) = (read("programs.txt"), read("traces.txt"));
    let (programs, traces) = (by_program(&programs), by_program(&traces));
    assert_eq!(programs.len(), traces.len(), "one trace for each program");
    let mut failed = 0;
    for ((title, program), (_, trace)) in programs.iter().zip(&traces) {
        if let Some(difference) = difference(trace, &run(program)) {
            println!("{title}\n{}\n{difference}\n", program.join("\n"));
            failed += 1;
        }
    }
    println!("{} programs, {failed} differ from gevent", programs.len());
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

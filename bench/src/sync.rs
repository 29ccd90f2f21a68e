//! `sync`: compares events, results, semaphores, queues and pools with tokio (its current-thread runtime), may (one
//! worker), Go (one processor) and Python's gevent.
//!
//! Each measurement is a process of its own, and all take turns, round by round. Every peer does the same in the
//! plainest form that its users would write; a peer that lacks a thing is left out for that thing.

mod may;
mod ours;
mod tokio;

use std::process::Command;
use std::time::Instant;

use crate::Result;
use crate::peers;
use crate::stats::{median, median_ratio};

const USAGE: &str = "\
usage: sync [--rounds N] [--scale PERCENT] [CASE]...

  --rounds N         how often everything is measured (default 5)
  --scale PERCENT    of the usual counts (default 100)
  CASE               channel, queue, event, event-many, semaphore, result, pool-map,
                     threadpool; all if none is given";

/// The argument that makes this program measure only once.
const ONE: &str = "--one";

/// Does a thing this many times.
type Measure = fn(u32) -> Result;

struct Case {
    name: &'static str,
    about: &'static str,
    count: u32,
}

const CASES: [Case; 8] = [
    Case {
        name: "channel",
        about: "there and back between two, over channels that hold nothing",
        count: 200_000,
    },
    Case {
        name: "queue",
        about: "there and back between two, over queues for one item",
        count: 200_000,
    },
    Case {
        name: "event",
        about: "there and back between two, by events that are set and cleared",
        count: 200_000,
    },
    Case {
        name: "event-many",
        about: "one event wakes 10,000 (for each of them, its making included)",
        count: 200_000,
    },
    Case {
        name: "semaphore",
        about: "there and back between two, by permits",
        count: 200_000,
    },
    Case {
        name: "result",
        about: "a result, one who sets it, one who gets it",
        count: 100_000,
    },
    Case {
        name: "pool-map",
        about: "map over a pool of 100, tiny tasks (for each)",
        count: 100_000,
    },
    Case {
        name: "threadpool",
        about: "apply in another thread, and wait (Go: a goroutine that has a thread for itself)",
        count: 20_000,
    },
];

enum Peer {
    /// A part of this program.
    Here(&'static str, fn(&str) -> Option<Measure>),
    /// Another program, which gets the case and the count. The count is divided by the number.
    Other(&'static str, Vec<String>, u32),
}

const HERE: [Peer; 3] = [
    Peer::Here("ours", ours::measure),
    Peer::Here("tokio", tokio::measure),
    Peer::Here("may", may::measure),
];

pub(crate) fn run(arguments: &[String]) -> Result {
    if let [option, peer, case, count] = arguments
        && option == ONE
    {
        return one(peer, case, count.parse()?);
    }
    let (mut rounds, mut scale, mut cases) = (5, 100, Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match &**argument {
            "--rounds" => rounds = arguments.next().ok_or(USAGE)?.parse()?,
            "--scale" => scale = arguments.next().ok_or(USAGE)?.parse()?,
            name => cases.push(CASES.iter().find(|case| case.name == name).ok_or(USAGE)?),
        }
    }
    if cases.is_empty() {
        cases.extend(&CASES);
    }
    let peers = peers();
    for case in cases {
        compare(case, &peers, rounds, scale)?;
    }
    Ok(())
}

/// One measurement, in this process.
fn one(peer: &str, case: &str, count: u32) -> Result {
    let measure = HERE.iter().find_map(|known| match known {
        Peer::Here(name, measure) if *name == peer => measure(case),
        _ => None,
    });
    let begin = Instant::now();
    measure.ok_or(USAGE)?(count)?;
    println!("{}", begin.elapsed().as_nanos() as f64 / f64::from(count));
    Ok(())
}

fn peers() -> Vec<Peer> {
    let mut peers = Vec::from(HERE);
    match peers::go("sync") {
        Ok(program) => {
            let command = vec![program.to_string_lossy().into_owned()];
            peers.push(Peer::Other("Go", command, 1));
        }
        Err(why) => eprintln!("without Go: {why}"),
    }
    match peers::gevent("sync") {
        Ok(command) => peers.push(Peer::Other("Python gevent", command, 10)),
        Err(why) => eprintln!("without Python's gevent: {why}"),
    }
    peers
}

impl Peer {
    fn name(&self) -> &'static str {
        match self {
            Peer::Here(name, _) | Peer::Other(name, ..) => name,
        }
    }

    fn can(&self, case: &str) -> bool {
        match self {
            Peer::Here(_, measure) => measure(case).is_some(),
            // Go has no semaphore; its users take a channel instead.
            Peer::Other("Go", ..) => case != "semaphore",
            Peer::Other(..) => true,
        }
    }

    /// Runs the case in a process, and returns the nanoseconds for one of `count`.
    fn measure(&self, case: &str, count: u32) -> Result<f64> {
        let (mut command, count) = match self {
            Peer::Here(name, _) => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["sync", ONE, name]);
                (command, count)
            }
            Peer::Other(_, words, divisor) => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]);
                (command, (count / divisor).max(1000))
            }
        };
        let output = command.args([case, &count.to_string()]).output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        match printed.trim().parse() {
            Ok(figure) if output.status.success() => Ok(figure),
            _ => {
                let (name, status) = (self.name(), output.status);
                let why = String::from_utf8_lossy(&output.stderr);
                Err(format!("{name} at {case}: {status}\n{why}").into())
            }
        }
    }
}

/// Measures all peers, and prints a table of their times and of ours as a share of each.
fn compare(case: &Case, peers: &[Peer], rounds: usize, scale: u32) -> Result {
    let count = u32::try_from(u64::from(case.count) * u64::from(scale) / 100)?;
    let peers: Vec<_> = peers.iter().filter(|peer| peer.can(case.name)).collect();
    let mut figures = vec![Vec::with_capacity(rounds); peers.len()];
    for _ in 0..rounds {
        for (peer, figures) in peers.iter().zip(&mut figures) {
            figures.push(peer.measure(case.name, count)?);
        }
    }
    println!("{} ({count})", case.about);
    for (index, (peer, own)) in peers.iter().zip(&figures).enumerate() {
        let line = format!("    {:14} {:>9.1} ns", peer.name(), median(own));
        match index {
            0 => println!("{line}"),
            _ => println!("{line}   we take {:.2}", median_ratio(&figures[0], own)),
        }
    }
    Ok(())
}

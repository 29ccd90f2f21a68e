//! `hub`: compares greenlets' lives and waits with tokio (its current-thread runtime), may (one worker), Go (one
//! processor) and Python's gevent.
//!
//! Each measurement is a process of its own, and all take turns, round by round: none profits from another's warm
//! pools, and a slow moment of the machine affects all. Every peer does the same, in the plainest form that its users
//! would write; the programs are below, and in the folder `peers`.

mod may;
mod ours;
mod tokio;

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Result;
use crate::peers;
use crate::stats::{median, median_ratio};

const USAGE: &str = "\
usage: hub [--rounds N] [--scale PERCENT] [CASE]...

  --rounds N         how often everything is measured (default 5)
  --scale PERCENT    of the usual number of greenlets (default 100)
  CASE               spawn, spawn-many, yield, timers, kill; all if none is given";

/// The argument that makes this program measure only once.
const ONE: &str = "--one";

/// Does a thing this many times, in a process of its own.
type Measure = fn(u32, &mut Stopwatch) -> Result;

struct Case {
    name: &'static str,
    about: &'static str,
    count: u32,
    /// Whether most of the wall time is waiting, so that CPU time says more.
    by_cpu: bool,
}

const CASES: [Case; 5] = [
    Case {
        name: "spawn",
        about: "spawn one and join it",
        count: 200_000,
        by_cpu: false,
    },
    Case {
        name: "spawn-many",
        about: "spawn all and join all",
        count: 100_000,
        by_cpu: false,
    },
    Case {
        name: "yield",
        about: "sleep(0), in 1,000 greenlets",
        count: 2_000_000,
        by_cpu: false,
    },
    Case {
        name: "timers",
        about: "spawn all, each sleeps up to 100 ms (CPU time)",
        count: 100_000,
        by_cpu: true,
    },
    Case {
        name: "kill",
        about: "kill a parked one, and wait for its end",
        count: 20_000,
        by_cpu: false,
    },
];

enum Program {
    /// A part of this program.
    Here(fn(&str) -> Option<Measure>),
    /// Another program, which gets the case and the count.
    Other(Vec<String>),
}

struct Peer {
    name: &'static str,
    program: Program,
    /// The count of a case is divided by this number, for a peer that would take too long or cannot do more.
    divisor: fn(&str) -> u32,
}

/// The times at which the measured part began.
struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    fn new() -> Stopwatch {
        Stopwatch {
            wall: Instant::now(),
            cpu: cpu(),
        }
    }

    /// Begins anew, so that the preparation up to now does not count.
    fn restart(&mut self) {
        *self = Stopwatch::new();
    }
}

/// The CPU time of this process.
fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

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
    let peers = peers()?;
    for case in cases {
        print!("{}", compare(case, &peers, rounds, scale)?);
    }
    Ok(())
}

/// One measurement, in this process.
fn one(peer: &str, case: &str, count: u32) -> Result {
    let measure = peers()?
        .into_iter()
        .find(|known| known.name == peer)
        .and_then(|peer| match peer.program {
            Program::Here(measure) => measure(case),
            Program::Other(_) => None,
        });
    let mut watch = Stopwatch::new();
    measure.ok_or(USAGE)?(count, &mut watch)?;
    let each = |time: Duration| time.as_nanos() as f64 / f64::from(count);
    println!("{} {}", each(watch.wall.elapsed()), each(cpu() - watch.cpu));
    Ok(())
}

fn peers() -> Result<Vec<Peer>> {
    let all = |_: &str| 1;
    let mut peers = vec![
        Peer {
            name: "ours",
            program: Program::Here(ours::measure),
            divisor: all,
        },
        Peer {
            name: "tokio",
            program: Program::Here(tokio::measure),
            divisor: all,
        },
        Peer {
            name: "may",
            program: Program::Here(may::measure),
            // Each of may's stacks takes two mappings, of which the kernel allows only so many.
            divisor: |case| match case {
                "spawn-many" | "timers" => 5,
                _ => 1,
            },
        },
    ];
    if std::env::args().any(|argument| argument == ONE) {
        return Ok(peers);
    }
    match peers::go("hub") {
        Ok(program) => peers.push(Peer {
            name: "Go",
            program: Program::Other(vec![program.to_string_lossy().into_owned()]),
            divisor: all,
        }),
        Err(why) => eprintln!("without Go: {why}"),
    }
    match peers::gevent("hub") {
        Ok(command) => peers.push(Peer {
            name: "Python gevent",
            program: Program::Other(command),
            divisor: |_| 10,
        }),
        Err(why) => eprintln!("without Python's gevent: {why}"),
    }
    Ok(peers)
}

impl Peer {
    fn can(&self, case: &Case) -> bool {
        match &self.program {
            Program::Here(measure) => measure(case.name).is_some(),
            // Go's goroutines cannot be killed.
            Program::Other(_) => self.name != "Go" || case.name != "kill",
        }
    }

    /// Runs the case in a process, and returns the nanoseconds for one of `count`.
    fn measure(&self, case: &Case, count: u32) -> Result<f64> {
        let count = (count / (self.divisor)(case.name)).max(1000).to_string();
        let mut command = match &self.program {
            Program::Here(_) => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["hub", ONE, self.name]);
                command
            }
            Program::Other(words) => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]);
                command
            }
        };
        let output = command.args([case.name, &count]).output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let figures: Vec<f64> = printed
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        match figures[..] {
            [wall, cpu] if output.status.success() => Ok(if case.by_cpu { cpu } else { wall }),
            _ => Err(format!(
                "{} at {}: {}\n{}",
                self.name,
                case.name,
                output.status,
                String::from_utf8_lossy(&output.stderr)
            )
            .into()),
        }
    }
}

/// Prints a table of the times of all peers, and of ours as a share of each.
fn compare(case: &Case, peers: &[Peer], rounds: usize, scale: u32) -> Result<String> {
    let count = u32::try_from(u64::from(case.count) * u64::from(scale) / 100)?;
    let peers: Vec<_> = peers.iter().filter(|peer| peer.can(case)).collect();
    let mut figures = vec![Vec::with_capacity(rounds); peers.len()];
    for _ in 0..rounds {
        for (peer, figures) in peers.iter().zip(&mut figures) {
            figures.push(peer.measure(case, count)?);
        }
    }
    let mut table = format!("{} ({count})\n", case.about);
    for (index, (peer, own)) in peers.iter().zip(&figures).enumerate() {
        write!(table, "    {:14} {:>9.1} ns", peer.name, median(own))?;
        match index {
            0 => table.push('\n'),
            _ => writeln!(table, "   we take {:.2}", median_ratio(&figures[0], own))?,
        }
    }
    Ok(table)
}

//! Compares peers at the cases of a subcommand.
//!
//! Each measurement is a process of its own, and all peers take turns, round by round: none profits from another's warm
//! pools, and a slow moment of the machine affects all. Every peer does the same, in the plainest form that its users
//! would write. A peer that lacks a thing is left out for that thing.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::Result;
use crate::peers;
use crate::stats::{median, median_ratio};

/// The argument that makes this program measure only once.
const ONE: &str = "--one";

/// A subcommand that compares.
pub(crate) struct Comparison {
    /// The name of the subcommand, and of the programs of the folder `peers`.
    pub(crate) name: &'static str,
    pub(crate) cases: &'static [Case],
    /// We are the first.
    pub(crate) peers: &'static [Peer],
}

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// How many times the thing is done.
    pub(crate) count: u32,
}

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    /// The count of a case is divided by this number, for a peer that would take too long or cannot do more.
    pub(crate) divisor: fn(&str) -> u32,
}

pub(crate) enum Program {
    /// A part of this program. It returns nothing for a case that the peer lacks.
    Here(fn(&str) -> Option<Measure>),
    /// A program in Go, but for these cases.
    Go(&'static [&'static str]),
    /// A program in Python, for gevent.
    Gevent,
}

/// Does a thing this many times.
pub(crate) type Measure = fn(u32, &mut Stopwatch) -> Result;

/// The times at which the measured part began.
pub(crate) struct Stopwatch {
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
    pub(crate) fn restart(&mut self) {
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

impl Peer {
    pub(crate) const fn here(name: &'static str, measure: fn(&str) -> Option<Measure>) -> Peer {
        let program = Program::Here(measure);
        Peer {
            name,
            program,
            divisor: |_| 1,
        }
    }

    /// Go, on one processor, but for the cases that it lacks.
    pub(crate) const fn go(lacks: &'static [&'static str]) -> Peer {
        Peer {
            name: "Go",
            program: Program::Go(lacks),
            divisor: |_| 1,
        }
    }

    /// Python's gevent.
    pub(crate) const fn gevent(divisor: fn(&str) -> u32) -> Peer {
        Peer {
            name: "Python gevent",
            program: Program::Gevent,
            divisor,
        }
    }

    fn can(&self, case: &str) -> bool {
        match self.program {
            Program::Here(measure) => measure(case).is_some(),
            Program::Go(lacks) => !lacks.contains(&case),
            Program::Gevent => true,
        }
    }
}

impl Comparison {
    pub(crate) fn run(&self, arguments: &[String]) -> Result {
        if let [option, peer, case, count] = arguments
            && option == ONE
        {
            return self.one(peer, case, count.parse()?);
        }
        let (mut rounds, mut scale, mut cases) = (5, 100, Vec::new());
        let mut arguments = arguments.iter();
        let number = |arguments: &mut std::slice::Iter<String>| {
            let number = arguments.next().and_then(|number| number.parse().ok());
            number.filter(|&number| number > 0).ok_or_else(|| self.usage())
        };
        while let Some(argument) = arguments.next() {
            match &**argument {
                "--rounds" => rounds = number(&mut arguments)?,
                "--scale" => scale = number(&mut arguments)?,
                name => cases.push(self.case(name)?),
            }
        }
        if cases.is_empty() {
            cases.extend(self.cases);
        }
        let taking_part: Vec<_> = self.peers.iter().filter_map(|peer| self.command(peer)).collect();
        for case in cases {
            compare(case, &taking_part, rounds, scale)?;
        }
        Ok(())
    }

    fn usage(&self) -> String {
        let names: Vec<_> = self.cases.iter().map(|case| case.name).collect();
        format!(
            "usage: {} [--rounds N] [--scale PERCENT] [CASE]...\n\n  \
             --rounds N         how often everything is measured (default 5)\n  \
             --scale PERCENT    of the usual counts (default 100)\n  \
             CASE               {}; all if none is given",
            self.name,
            names.join(", ")
        )
    }

    fn case(&self, name: &str) -> Result<&'static Case> {
        let case = self.cases.iter().find(|case| case.name == name);
        Ok(case.ok_or_else(|| self.usage())?)
    }

    /// One measurement, in this process.
    fn one(&self, peer: &str, case: &str, count: u32) -> Result {
        let measure = self.peers.iter().find_map(|known| match known.program {
            Program::Here(measure) if known.name == peer => measure(case),
            _ => None,
        });
        let measure = measure.ok_or_else(|| self.usage())?;
        let mut watch = Stopwatch::new();
        measure(count, &mut watch)?;
        let each = |time: Duration| time.as_nanos() as f64 / f64::from(count);
        println!("{} {}", each(watch.wall.elapsed()), each(cpu() - watch.cpu));
        Ok(())
    }

    /// The peer, with the words of the command that measures it. Nothing if it is not installed.
    fn command(&self, peer: &'static Peer) -> Option<(&'static Peer, Vec<String>)> {
        let path = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
        let words = match peer.program {
            Program::Here(_) => std::env::current_exe()
                .map(|program| [&path(program), self.name, ONE, peer.name].map(str::to_owned).into())
                .map_err(Into::into),
            Program::Go(_) => peers::go(self.name).map(|program| vec![path(program)]),
            Program::Gevent => peers::gevent(self.name),
        };
        match words {
            Ok(words) => Some((peer, words)),
            Err(why) => {
                eprintln!("without {}: {why}", peer.name);
                None
            }
        }
    }
}

/// What one measurement found, in nanoseconds for each.
#[derive(Clone, Copy)]
struct Figures {
    wall: f64,
    /// Not a number if the program does not tell.
    cpu: f64,
}

/// Runs the case in a process.
fn measure((peer, words): &(&Peer, Vec<String>), case: &Case, count: u32) -> Result<Figures> {
    let count = (count / (peer.divisor)(case.name)).max(count.min(1000));
    let mut command = Command::new(&words[0]);
    let output = command
        .args(&words[1..])
        .args([case.name, &count.to_string()])
        .output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = printed
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match figures[..] {
        [wall, cpu] if output.status.success() => Ok(Figures { wall, cpu }),
        [wall] if output.status.success() => Ok(Figures { wall, cpu: f64::NAN }),
        _ => {
            let why = String::from_utf8_lossy(&output.stderr);
            Err(format!("{} at {}: {}\n{why}", peer.name, case.name, output.status).into())
        }
    }
}

/// Measures all peers, and prints a table of their times and of ours as a share of each.
fn compare(case: &Case, peers: &[(&Peer, Vec<String>)], rounds: usize, scale: usize) -> Result {
    let count = u32::try_from(u64::from(case.count) * scale as u64 / 100)?;
    let peers: Vec<_> = peers.iter().filter(|(peer, _)| peer.can(case.name)).collect();
    let mut figures = vec![Vec::with_capacity(rounds); peers.len()];
    for _ in 0..rounds {
        for (peer, figures) in peers.iter().zip(&mut figures) {
            figures.push(measure(peer, case, count)?);
        }
    }
    println!("{} ({count})", case.about);
    let each = |of: &[Figures], figure: fn(&Figures) -> f64| of.iter().map(figure).collect::<Vec<_>>();
    let (our_wall, our_cpu) = (each(&figures[0], |f| f.wall), each(&figures[0], |f| f.cpu));
    for (index, ((peer, _), own)) in peers.iter().zip(&figures).enumerate() {
        let (wall, cpu) = (each(own, |f| f.wall), each(own, |f| f.cpu));
        print!("    {:14} {:>11.1} ns", peer.name, median(&wall));
        if cpu.iter().all(|cpu| cpu.is_finite()) {
            print!(", of CPU time {:>11.1}", median(&cpu));
        }
        if index > 0 {
            print!("   we take {:.2}", median_ratio(&our_wall, &wall));
            if cpu.iter().all(|cpu| cpu.is_finite()) {
                print!(", of CPU time {:.2}", median_ratio(&our_cpu, &cpu));
            }
        }
        println!();
    }
    Ok(())
}

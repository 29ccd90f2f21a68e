//! `http`: compares the web server of gevent for Rust with hyper on tokio's current-thread runtime, and with Python's
//! pywsgi.
//!
//! Each server is a process of its own; all take turns, round by round. Where there are two processors, the server has
//! one and the load, which is that of the program wrk, the other. Our server has its limits and deadlines, and an
//! access log to `/dev/null`; hyper has its deadline for heads, and no log.

mod idle;
mod servers;
mod wrk;

use std::process::Command;

use crate::Result;
use crate::machine::{processors, raise_fd_limit, run_on};
use crate::peers;
use crate::process::{Server, free_address, installed};
use crate::stats::{median, median_ratio};

const USAGE: &str = "\
usage: http [--rounds N] [--seconds S] [--connections N] [--without-log] [CASE]...

  --rounds N         how often everything is measured (default 5)
  --seconds S        how long each time, in whole seconds (default 2)
  --connections N    at the same time; those that have a budget in turn if not given
  --without-log      our server writes no access log
  CASE               plain, pipelined, tls, tls-connects, sleep, idle; all if none is given";

/// The argument that makes this program one of the servers.
const SERVE: &str = "--serve";

/// How many requests are sent at once where they are pipelined.
const DEPTH: usize = 16;
/// How long a handler sleeps where it does, in milliseconds.
const SLEEP: u64 = 10;

struct Case {
    name: &'static str,
    about: &'static str,
    /// The numbers of connections, each with how large our CPU time for each request may be as a share of hyper's.
    connections: &'static [(usize, Option<f64>)],
    tls: bool,
    path: &'static str,
    load: fn(&Server, &Case, usize, usize) -> Result<Figures>,
}

const CASES: [Case; 6] = [
    Case {
        name: "plain",
        about: "a small answer",
        connections: &[(100, Some(1.0)), (1000, Some(1.05)), (10_000, Some(1.05))],
        tls: false,
        path: "/",
        load: wrk::load,
    },
    Case {
        name: "pipelined",
        about: "a small answer, 16 requests at once",
        connections: &[(100, Some(0.35))],
        tls: false,
        path: "/",
        load: wrk::load,
    },
    Case {
        name: "tls",
        about: "a small answer over TLS",
        connections: &[(100, Some(1.05))],
        tls: true,
        path: "/",
        load: wrk::load,
    },
    Case {
        name: "tls-connects",
        about: "a TLS connection for each request",
        connections: &[(100, Some(1.0))],
        tls: true,
        path: "/",
        load: wrk::load,
    },
    Case {
        name: "sleep",
        about: "a handler that sleeps 10 ms",
        connections: &[(100, None)],
        tls: false,
        path: "/sleep",
        load: wrk::load,
    },
    Case {
        name: "idle",
        about: "memory of connections that wait after a request",
        connections: &[(5000, None)],
        tls: false,
        path: "/",
        load: idle::load,
    },
];

/// What was found. What is not measured is not a number.
#[derive(Clone, Copy)]
struct Figures {
    requests_per_second: f64,
    /// Microseconds of the server's CPU time for each request.
    cpu: f64,
    /// How many KiB of memory the server has taken for each connection.
    memory: f64,
}

struct Peer {
    name: &'static str,
    /// The command that runs the server; the address is added to it, and the paths of certificate and key for TLS.
    command: Vec<String>,
    /// Whether the others are measured without it if it fails.
    may_fail: bool,
}

pub(crate) fn run(arguments: &[String]) -> Result {
    if let [option, peer, rest @ ..] = arguments
        && option == SERVE
    {
        return servers::serve(peer, rest);
    }
    let (mut rounds, mut seconds, mut connections, mut log) = (5, 2, None, true);
    let mut cases = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let number = arguments.next().and_then(|number| number.parse::<usize>().ok());
            number.filter(|&number| number > 0).ok_or(USAGE)
        };
        match &**argument {
            "--rounds" => rounds = number()?,
            "--seconds" => seconds = number()?,
            "--connections" => connections = Some(number()?),
            "--without-log" => log = false,
            name => cases.push(CASES.iter().find(|case| case.name == name).ok_or(USAGE)?),
        }
    }
    if cases.is_empty() {
        cases.extend(&CASES);
    }
    if !installed("wrk", "--version") {
        return Err("no program wrk (Debian: apt install wrk)".into());
    }
    raise_fd_limit()?;
    let (peers, identity) = (peers(log)?, servers::Identity::make()?);
    for case in cases {
        let chosen = connections.map(|connections| (connections, None));
        for &(connections, budget) in chosen.as_slice().iter().chain(case.connections) {
            compare(case, connections, budget, &peers, &identity, rounds, seconds)?;
            if chosen.is_some() {
                break;
            }
        }
    }
    Ok(())
}

fn peers(log: bool) -> Result<Vec<Peer>> {
    let this = std::env::current_exe()?;
    let this = this.to_str().ok_or("a strange path")?;
    let here = |name: &'static str, argument| Peer {
        name,
        command: [this, "http", SERVE, argument].map(str::to_owned).to_vec(),
        may_fail: false,
    };
    let ours = if log { "ours" } else { "ours-without-log" };
    let mut peers = vec![here("ours", ours), here("hyper, tokio", "hyper")];
    match peers::gevent("http") {
        Ok(command) => {
            peers.push(Peer {
                name: "Python pywsgi",
                command,
                may_fail: true,
            });
        }
        Err(why) => eprintln!("without Python's gevent: {why}"),
    }
    Ok(peers)
}

/// Measures all servers under this load, and prints a table.
fn compare(
    case: &Case,
    connections: usize,
    budget: Option<f64>,
    peers: &[Peer],
    identity: &servers::Identity,
    rounds: usize,
    seconds: usize,
) -> Result {
    let mut measured = vec![Vec::with_capacity(rounds); peers.len()];
    for _ in 0..rounds {
        for (peer, figures) in peers.iter().zip(&mut measured) {
            match measure(case, connections, peer, identity, seconds) {
                Ok(measured) => figures.push(measured),
                // Python's ends TLS connections in a way that wrk counts as errors.
                Err(error) if peer.may_fail => eprintln!("without {}: {error}", peer.name),
                Err(error) => return Err(format!("{}: {error}", peer.name).into()),
            }
        }
    }
    println!(
        "{}: {}, {connections} connections, median of {rounds} rounds of {seconds} s",
        case.name, case.about
    );
    println!(
        "    {:14} {:>10} {:>11} {:>9}   we take of its CPU time",
        "", "requests/s", "CPU us each", "KiB each"
    );
    for (index, (peer, figures)) in peers.iter().zip(&measured).enumerate() {
        if figures.is_empty() {
            continue;
        }
        let column = |figure: fn(&Figures) -> f64| figures.iter().map(figure).collect::<Vec<_>>();
        let (rate, cpu) = (column(|f| f.requests_per_second), column(|f| f.cpu));
        let memory = column(|f| f.memory);
        print!(
            "    {:14} {:>10.0} {:>11.2} {:>9.1}",
            peer.name,
            median(&rate),
            median(&cpu),
            median(&memory)
        );
        if index > 0 {
            let ours: Vec<_> = measured[0].iter().map(|f| f.cpu).collect();
            print!("   {:.2}", median_ratio(&ours, &cpu));
        }
        if index == 1
            && let Some(budget) = budget
        {
            print!(" (budget {budget:.2})");
        }
        if case.path == "/sleep" {
            let ideal = connections as f64 * 1000.0 / SLEEP as f64;
            print!("   {:.1} % of the ideal rate", 100.0 * median(&rate) / ideal);
        }
        println!();
    }
    println!();
    Ok(())
}

/// Runs the server and puts the load on it.
fn measure(
    case: &Case,
    connections: usize,
    peer: &Peer,
    identity: &servers::Identity,
    seconds: usize,
) -> Result<Figures> {
    let address = free_address()?;
    let mut command = Command::new(&peer.command[0]);
    command.args(&peer.command[1..]).arg(address.to_string());
    if case.tls {
        command.args(identity.paths());
    }
    let processors = processors()?;
    // The programs inherit the processors.
    run_on(&processors[..1])?;
    let server = Server::start(&mut command, address);
    run_on(processors.get(1..2).unwrap_or(&processors[..1]))?;
    let measured = server.and_then(|server| (case.load)(&server, case, connections, seconds));
    run_on(&processors)?;
    measured
}

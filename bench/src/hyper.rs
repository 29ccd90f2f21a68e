//! `hyper`: compares hyper on our hub with hyper on tokio's current-thread runtime, in the same program.
//!
//! Each server is a process of its own; both take turns, round by round. Where there are two processors, the server has
//! one and the load the other: wrk for HTTP/1, h2load for HTTP/2.

mod servers;

use std::process::Command;

use crate::Result;
use crate::machine::{processors, raise_fd_limit, run_on};
use crate::process::{Server, free_address, installed};
use crate::stats::{median, median_ratio};

const USAGE: &str = "\
usage: hyper [--rounds N] [--seconds S] [CASE]...

  --rounds N     how often everything is measured (default 5)
  --seconds S    how long each time of HTTP/1, in whole seconds (default 2)
  CASE           http1-100, http1-2000, http2; all if none is given";

/// The argument that makes this program one of the servers.
const SERVE: &str = "--serve";

/// The largest share that our CPU time for each request may be of tokio's.
const BUDGET: f64 = 1.05;

struct Case {
    name: &'static str,
    about: &'static str,
    protocol: &'static str,
    connections: usize,
    /// How many requests a connection has under way.
    streams: usize,
}

const CASES: [Case; 3] = [
    Case {
        name: "http1-100",
        about: "HTTP/1, 100 connections",
        protocol: "http1",
        connections: 100,
        streams: 1,
    },
    Case {
        name: "http1-2000",
        about: "HTTP/1, 2,000 connections",
        protocol: "http1",
        connections: 2000,
        streams: 1,
    },
    Case {
        name: "http2",
        about: "HTTP/2, 5 connections with 100 streams each",
        protocol: "http2",
        connections: 5,
        streams: 100,
    },
];

/// How many requests h2load makes in a round, for each second that wrk takes.
const REQUESTS: usize = 50_000;

const RUNTIMES: [&str; 3] = ["tokio", "gevent", "gevent shared"];

pub(crate) fn run(arguments: &[String]) -> Result {
    if let [option, runtime, protocol, address] = arguments
        && option == SERVE
    {
        return servers::serve(runtime, protocol, address.parse()?);
    }
    let (mut rounds, mut seconds, mut cases) = (5, 2, Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let number = arguments.next().and_then(|number| number.parse::<usize>().ok());
            number.filter(|&number| number > 0).ok_or(USAGE)
        };
        match &**argument {
            "--rounds" => rounds = number()?,
            "--seconds" => seconds = number()?,
            name => cases.push(CASES.iter().find(|case| case.name == name).ok_or(USAGE)?),
        }
    }
    if cases.is_empty() {
        cases.extend(&CASES);
    }
    for (program, package) in [("wrk", "wrk"), ("h2load", "nghttp2-client")] {
        if !installed(program, "--version") {
            return Err(format!("no program {program} (Debian: apt install {package})").into());
        }
    }
    raise_fd_limit()?;
    for case in cases {
        compare(case, rounds, seconds)?;
    }
    Ok(())
}

/// Measures both servers, and prints a table.
fn compare(case: &Case, rounds: usize, seconds: usize) -> Result {
    let mut rates = [const { Vec::new() }; RUNTIMES.len()];
    let mut cpus = [const { Vec::new() }; RUNTIMES.len()];
    for _ in 0..rounds {
        for (index, runtime) in RUNTIMES.iter().enumerate() {
            let (rate, cpu) = measure(case, runtime, seconds)?;
            rates[index].push(rate);
            cpus[index].push(cpu);
        }
    }
    println!("{}, median of {rounds} rounds", case.about);
    println!("    {:13} {:>10} {:>11}", "", "requests/s", "CPU us each");
    for (index, runtime) in RUNTIMES.iter().enumerate() {
        println!(
            "    {runtime:13} {:>10.0} {:>11.2}",
            median(&rates[index]),
            median(&cpus[index])
        );
    }
    let [own, shared] = [1, 2].map(|index| median_ratio(&cpus[index], &cpus[0]));
    println!("    our share of tokio's CPU time: {own:.3}; with shared greenlets {shared:.3} (budget {BUDGET:.2})\n");
    Ok(())
}

/// Requests per second, and microseconds of the server's CPU time for each.
fn measure(case: &Case, runtime: &str, seconds: usize) -> Result<(f64, f64)> {
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["hyper", SERVE, runtime, case.protocol, &address.to_string()]);
    let processors = processors()?;
    // The programs inherit the processors.
    run_on(&processors[..1])?;
    let server = Server::start(&mut command, address);
    run_on(processors.get(1..2).unwrap_or(&processors[..1]))?;
    let measured = server.and_then(|server| load(&server, case, seconds));
    run_on(&processors)?;
    measured
}

fn load(server: &Server, case: &Case, seconds: usize) -> Result<(f64, f64)> {
    let url = format!("http://{}/", server.address);
    let mut command;
    if case.protocol == "http1" {
        command = Command::new("wrk");
        command.args(["-t1", "--timeout", "10s"]).args([
            format!("-c{}", case.connections),
            format!("-d{seconds}s"),
            url,
        ]);
    } else {
        command = Command::new("h2load");
        command.args([
            format!("-n{}", REQUESTS * seconds),
            format!("-c{}", case.connections),
            format!("-m{}", case.streams),
            url,
        ]);
    }
    let cpu = server.cpu_time()?;
    let output = command.output()?;
    let cpu = server.cpu_time()? - cpu;
    let printed = String::from_utf8_lossy(&output.stdout);
    match requests(&printed) {
        Some((count, seconds)) if output.status.success() && count > 0.0 => {
            Ok((count / seconds, cpu.as_secs_f64() * 1e6 / count))
        }
        _ => Err(format!("{printed}{}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// How many requests there were, and in how many seconds. None if some have failed.
fn requests(printed: &str) -> Option<(f64, f64)> {
    if let Some(line) = printed.lines().find(|line| line.starts_with("finished in ")) {
        // `finished in 1.23s, 81300.81 req/s, 1.23MB/s`, and `succeeded, 0 failed, 0 errored, 0 timeout`
        let mut words = line.split([' ', ',']).filter(|word| !word.is_empty()).skip(2);
        let seconds = match words.next()? {
            time if time.ends_with("ms") => time.strip_suffix("ms")?.parse::<f64>().ok()? / 1e3,
            time => time.strip_suffix('s')?.parse().ok()?,
        };
        let rate: f64 = words.next()?.parse().ok()?;
        let whole = printed.contains(" 0 failed, 0 errored, 0 timeout");
        return whole.then_some((rate * seconds, seconds));
    }
    if ["Socket errors", "Non-2xx"].iter().any(|error| printed.contains(error)) {
        return None;
    }
    // `12345 requests in 2.00s, 1.23MB read`
    let (count, rest) = printed
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "))?;
    let (seconds, _) = rest.split_once("s,")?;
    Some((count.parse().ok()?, seconds.parse().ok()?))
}

//! `echo`: compares an echo server of gevent for Rust with libev's callbacks in C, tokio (its current-thread
//! runtime), may (one worker), Go (one processor) and Python's gevent.
//!
//! Each server is a process of its own; all take turns, round by round. Where there are two processors, the
//! server has one and the load the other. Our server of two hubs has both.

mod load;
mod place;
mod servers;

use std::process::Command;
use std::time::Duration;

use load::{Figures, Load};
use place::Place;

use crate::Result;
use crate::machine::{processors, raise_fd_limit, run_on};
use crate::peers;
use crate::process::Server;
use crate::stats::{median, median_ratio};

const USAGE: &str = "\
usage: echo [--rounds N] [--seconds S] [--over TRANSPORT] [--bytes N] [--connections N] [--reconnect] [PEER]...

  --rounds N         how often everything is measured (default 5)
  --seconds S        how long each time (default 1)
  --over TRANSPORT   tcp (default), unix or udp
  --bytes N          in each message (default 64)
  --connections N    at the same time; 1, 100 and 2000 in turn if not given
  --reconnect        a new connection for each message
  PEER               c, tokio, may, go, python; all of these if none is given
                     hubs: ours with two hubs, on two processors, one of which is also the load's. If one hub
                     takes R of their CPU time for each request, two serve 2 R times as many as one. Only over tcp";

/// How many hubs the peer of that name has.
const HUBS: usize = 2;

/// The argument that makes this program one of the servers.
const SERVE: &str = "--serve";

struct Peer {
    /// The peer's name on the command line. Our own server has none, as it always takes part.
    short: &'static str,
    name: &'static str,
    /// How large our CPU time may be at most, as a share of the peer's.
    budget: Option<f64>,
    processors: usize,
    /// The command that runs the server; the place and the size of its buffers are added to it.
    command: Vec<String>,
}

pub(crate) fn run(arguments: &[String]) -> Result {
    if let [option, peer, place, bytes] = arguments
        && option == SERVE
    {
        return servers::serve(peer, &place.parse()?, bytes.parse()?);
    }
    let (mut rounds, mut seconds, mut bytes, mut over, mut reconnect) = (5_usize, 1.0, 64, "tcp", false);
    let (mut connections, mut names) = (vec![1, 100, 2000], Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(USAGE);
        match &**argument {
            "--rounds" => rounds = value()?.parse()?,
            "--seconds" => seconds = value()?.parse()?,
            "--over" => over = value()?,
            "--bytes" => bytes = value()?.parse()?,
            "--connections" => connections = vec![value()?.parse()?],
            "--reconnect" => reconnect = true,
            name => names.push(name),
        }
    }
    if rounds == 0 || bytes == 0 || connections == [0] {
        return Err(USAGE.into());
    }
    let peers = peers(&names)?;
    raise_fd_limit()?;
    for connections in connections {
        let load = Load {
            connections,
            bytes,
            reconnect,
            time: Duration::try_from_secs_f64(seconds)?,
        };
        compare(&peers, over, &load, rounds)?;
    }
    Ok(())
}

fn peers(names: &[&str]) -> Result<Vec<Peer>> {
    let this = std::env::current_exe()?;
    let this = this.to_str().ok_or("a strange path")?;
    let here = |short, name: &'static str, budget| Peer {
        short,
        name,
        budget,
        processors: 1,
        command: [this, "echo", SERVE, name].map(str::to_owned).to_vec(),
    };
    let mut peers = vec![
        here("", "ours", None),
        here("c", "libev in C", Some(1.05)),
        here("tokio", "tokio", Some(1.0)),
        here("may", "may", None),
    ];
    if names.contains(&"hubs") {
        peers.push(Peer {
            processors: HUBS,
            ..here("hubs", "ours, two hubs", None)
        });
    }
    let known = ["c", "tokio", "may", "go", "python", "hubs"];
    if names.iter().any(|name| !known.contains(name)) {
        return Err(USAGE.into());
    }
    let wanted = |short: &str| names.is_empty() || short.is_empty() || names.contains(&short);
    peers.retain(|peer| wanted(peer.short));
    let program = |short, name, command| Peer {
        short,
        name,
        budget: None,
        processors: 1,
        command,
    };
    if wanted("go") {
        match peers::go("echo") {
            Ok(path) => {
                let command = vec![path.to_string_lossy().into_owned()];
                peers.push(program("go", "Go", command));
            }
            Err(why) => eprintln!("without Go: {why}"),
        }
    }
    if wanted("python") {
        match peers::gevent("echo") {
            Ok(command) => peers.push(program("python", "Python gevent", command)),
            Err(why) => eprintln!("without Python's gevent: {why}"),
        }
    }
    Ok(peers)
}

/// Measures all servers with this load, and prints a table.
fn compare(peers: &[Peer], over: &str, load: &Load, rounds: usize) -> Result {
    let mut measured: Vec<Vec<Figures>> = peers.iter().map(|_| Vec::new()).collect();
    let mut memory = vec![0.0; peers.len()];
    for _ in 0..rounds {
        for (index, peer) in peers.iter().enumerate() {
            let (figures, peak) = measure(peer, over, load)?;
            measured[index].push(figures);
            memory[index] = peak;
        }
    }
    let column =
        |index: usize, figure: fn(&Figures) -> f64| -> Vec<f64> { measured[index].iter().map(figure).collect() };
    println!(
        "{over}, {} connections{}, {} bytes, median of {rounds} rounds of {:?}",
        load.connections,
        if load.reconnect {
            " made anew for each message"
        } else {
            ""
        },
        load.bytes,
        load.time
    );
    println!(
        "    {:14} {:>10} {:>9} {:>9} {:>9} {:>11}   we take of its CPU time",
        "", "requests/s", "median us", "99 % us", "KiB each", "CPU us each"
    );
    for (index, peer) in peers.iter().enumerate() {
        let middle = |figure| median(&column(index, figure));
        print!(
            "    {:14} {:>10.0} {:>9.0} {:>9.0} {:>9.1} {:>11.2}",
            peer.name,
            middle(|f| f.requests_per_second),
            middle(|f| f.latency),
            middle(|f| f.latency_99),
            memory[index],
            middle(|f| f.cpu),
        );
        if index > 0 {
            let ratio = median_ratio(&column(0, |f| f.cpu), &column(index, |f| f.cpu));
            print!("   {ratio:.2}");
        }
        match peer.budget {
            Some(budget) => println!(" (budget {budget:.2})"),
            None => println!(),
        }
    }
    println!();
    Ok(())
}

/// Runs the server and puts the load on it. Returns the figures, and how many KiB of memory the server has taken at
/// most for each connection.
fn measure(peer: &Peer, over: &str, load: &Load) -> Result<(Figures, f64)> {
    let place = Place::free(over)?;
    let mut command = Command::new(&peer.command[0]);
    // 64 bytes are read into buffers of a usual size; the largest messages come in one piece.
    let buffer = load.bytes.max(4096);
    command
        .args(&peer.command[1..])
        .args([place.to_string(), buffer.to_string()]);
    let processors = processors()?;
    // The server inherits the processors.
    run_on(&processors[..peer.processors.min(processors.len())])?;
    let server = Server::start_until(&mut command, place.clone(), || place.answers());
    run_on(processors.get(1..2).unwrap_or(&processors[..1]))?;
    let measured = server.and_then(|server| {
        let before = server.peak_memory().unwrap_or(f64::NAN);
        let figures = load.run(&server.address, || server.cpu_time())?;
        let after = server.peak_memory().unwrap_or(f64::NAN);
        Ok((figures, (after - before) * 1024.0 / load.connections as f64))
    });
    run_on(&processors)?;
    place.clear();
    measured.map_err(|error: Box<dyn std::error::Error>| format!("{}: {error}", peer.name).into())
}

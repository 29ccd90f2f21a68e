//! `forward`: runs redis-benchmark against Redis itself, and through forwarders: our portforwarder example, socat (a
//! process for each connection) and haproxy (one thread, like ours).
//!
//! All of them get each workload in turns, round after round; the figure is the median of the rounds.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::process::{Server, free_address, installed};
use crate::stats::{median, median_ratio};

const USAGE: &str = "\
usage: forward [--rounds N] [--requests N] [--clients N]

  --rounds N     how often everything is measured (default 5)
  --requests N   requests in each run of redis-benchmark (default 50000, ten times that with -P 16)
  --clients N    connections (default 50)";

/// The workloads: a command of redis-benchmark, and the number of requests that a client sends at a time.
const WORKLOADS: [(&str, u32); 4] = [("GET", 1), ("SET", 1), ("GET", 16), ("SET", 16)];

struct Options {
    rounds: u32,
    requests: u32,
    clients: u32,
}

/// One way to Redis, and its figures for each workload.
struct Way {
    name: &'static str,
    server: Server,
    requests_per_second: [Vec<f64>; WORKLOADS.len()],
    cpu_microseconds: [Vec<f64>; WORKLOADS.len()],
}

pub(crate) fn run(arguments: &[String]) -> Result {
    let options = parse(arguments)?;
    if !installed("redis-benchmark", "--version") || !installed("redis-server", "--version") {
        return Err("redis-server and redis-benchmark are needed (Debian: apt install redis)".into());
    }
    let example = build_example()?;
    let scratch = Scratch::new()?;
    let mut ways = start_ways(&example, &scratch.0)?;
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        for workload in 0..WORKLOADS.len() {
            for way in &mut ways {
                way.measure(workload, &options)?;
            }
        }
    }
    print!("{}", table(&ways, &options)?);
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        rounds: 5,
        requests: 50_000,
        clients: 50,
    };
    for pair in arguments.chunks(2) {
        let field = match &*pair[0] {
            "--rounds" => &mut options.rounds,
            "--requests" => &mut options.requests,
            "--clients" => &mut options.clients,
            _ => return Err(USAGE.into()),
        };
        let value = pair.get(1).and_then(|value| value.parse().ok());
        *field = value.filter(|&value| value > 0).ok_or(USAGE)?;
    }
    Ok(options)
}

/// Builds the example, always optimised, into the target folder that this program runs from.
fn build_example() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(2).ok_or("where is the target folder?")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--example", "portforwarder"])
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .status()?;
    if !status.success() {
        return Err("the example portforwarder does not build".into());
    }
    Ok(target.join("release/examples/portforwarder"))
}

fn start_ways(example: &Path, scratch: &Path) -> Result<Vec<Way>> {
    let redis = start_redis(scratch)?;
    let target = redis.address;
    let mut ways = vec![Way::new("direct", redis)];
    let address = free_address()?;
    let gevent = Server::start(
        Command::new(example).args([address.to_string(), target.to_string()]),
        address,
    )?;
    ways.push(Way::new("gevent", gevent));
    for (name, version_option, start) in [
        ("socat", "-V", start_socat as fn(SocketAddr, &Path) -> Result<Server>),
        ("haproxy", "-v", start_haproxy),
    ] {
        if installed(name, version_option) {
            ways.push(Way::new(name, start(target, scratch)?));
        } else {
            eprintln!("{name} is not installed: left out");
        }
    }
    Ok(ways)
}

fn start_redis(scratch: &Path) -> Result<Server> {
    let address = free_address()?;
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        .current_dir(scratch);
    Server::start(&mut command, address)
}

fn start_socat(target: SocketAddr, _scratch: &Path) -> Result<Server> {
    let address = free_address()?;
    let listen = format!(
        "TCP-LISTEN:{},bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=1024",
        address.port()
    );
    let connect = format!("TCP:{target},nodelay");
    Server::start(Command::new("socat").args([listen, connect]), address)
}

fn start_haproxy(target: SocketAddr, scratch: &Path) -> Result<Server> {
    let address = free_address()?;
    let config = scratch.join("haproxy.cfg");
    fs::write(
        &config,
        format!(
            "global\n  nbthread 1\n  maxconn 4096\n\
             defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
             listen forward\n  bind {address}\n  server redis {target}\n"
        ),
    )?;
    Server::start(Command::new("haproxy").arg("-db").arg("-f").arg(config), address)
}

impl Way {
    fn new(name: &'static str, server: Server) -> Way {
        Way {
            name,
            server,
            requests_per_second: Default::default(),
            cpu_microseconds: Default::default(),
        }
    }

    fn measure(&mut self, workload: usize, options: &Options) -> Result {
        let (command, pipeline) = WORKLOADS[workload];
        let requests = if pipeline > 1 {
            options.requests * 10
        } else {
            options.requests
        };
        let before = self.server.cpu_seconds();
        let output = Command::new("redis-benchmark")
            .args(["-h", "127.0.0.1", "-p", &self.server.address.port().to_string()])
            .args(["-t", &command.to_lowercase(), "--csv"])
            .args(["-c", &options.clients.to_string(), "-n", &requests.to_string()])
            .args(["-P", &pipeline.to_string()])
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let rate = requests_per_second(&text, command).filter(|_| output.status.success());
        let rate = rate.ok_or_else(|| {
            let errors = String::from_utf8_lossy(&output.stderr);
            format!("redis-benchmark through {} failed:\n{text}{errors}", self.name)
        })?;
        self.requests_per_second[workload].push(rate);
        if let Some((before, after)) = before.zip(self.server.cpu_seconds()) {
            self.cpu_microseconds[workload].push((after - before) * 1e6 / f64::from(requests));
        }
        Ok(())
    }
}

/// Reads the figure from the line `"GET","123456.78",...` of redis-benchmark's output.
fn requests_per_second(csv: &str, command: &str) -> Option<f64> {
    let name = format!("\"{command}\",\"");
    let row = csv.lines().find_map(|line| line.strip_prefix(&name))?;
    row.split('"').next()?.parse().ok()
}

fn table(ways: &[Way], options: &Options) -> Result<String> {
    let mut out = String::new();
    let Options {
        rounds,
        requests,
        clients,
    } = options;
    writeln!(
        out,
        "\nredis-benchmark -c {clients} -n {requests} (ten times that with -P 16), median of {rounds} rounds.\n\
         In brackets: how many times the throughput of connecting directly. Below: CPU time of the forwarder\n\
         (of Redis itself when direct) for each request.\n"
    )?;
    write!(out, "{:12}", "")?;
    for way in ways {
        write!(out, "{:>20}", way.name)?;
    }
    for (workload, (command, pipeline)) in WORKLOADS.iter().enumerate() {
        write!(out, "\n{:12}", format!("{command} -P {pipeline}"))?;
        for way in ways {
            let rates = &way.requests_per_second[workload];
            let ratio = median_ratio(rates, &ways[0].requests_per_second[workload]);
            write!(out, "{:>20}", format!("{:.0}/s ({ratio:.2})", median(rates)))?;
        }
        write!(out, "\n{:12}", "")?;
        for way in ways {
            write!(
                out,
                "{:>20}",
                format!("{:.1} us", median(&way.cpu_microseconds[workload]))
            )?;
        }
    }
    writeln!(out, "\n\nThroughput of gevent beside the other forwarders:")?;
    let (gevent, others) = ways.get(1..).and_then(<[Way]>::split_first).ok_or("no forwarder")?;
    for (workload, (command, pipeline)) in WORKLOADS.iter().enumerate() {
        write!(out, "  {:12}", format!("{command} -P {pipeline}"))?;
        for other in others {
            let ratio = median_ratio(
                &gevent.requests_per_second[workload],
                &other.requests_per_second[workload],
            );
            write!(out, "{ratio:6.2} x {}", other.name)?;
        }
        writeln!(out)?;
    }
    Ok(out)
}

/// A folder for configuration files, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch> {
        let path = std::env::temp_dir().join(format!("gevent-bench-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

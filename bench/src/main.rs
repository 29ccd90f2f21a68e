//! Compares the speed of gevent for Rust with that of its peers.
//!
//! ```sh
//! cargo run --release -p gevent-bench -- forward
//! ```
//!
//! A single figure says more about the machine than about us, so each subcommand measures us and the
//! peers in turns, in one run, and prints ratios.

mod copy;
mod core;
mod echo;
mod forward;
mod future;
mod http;
mod hub;
mod hyper;
mod machine;
mod monitor;
mod os;
mod peers;
mod process;
mod stats;
mod switch;
mod sync;
mod turns;

use std::process::ExitCode;

/// The result of subcommands.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A subcommand gets the arguments after its name.
struct Subcommand {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result,
}

const SUBCOMMANDS: [Subcommand; 12] = [
    Subcommand {
        name: "copy",
        about: "a lot of data from one socket to another, by copies and pipes, beside std and tokio",
        run: copy::run,
    },
    Subcommand {
        name: "core",
        about: "hub::core beside the same program in C on libev",
        run: core::run,
    },
    Subcommand {
        name: "echo",
        about: "an echo server over TCP, Unix or UDP sockets beside libev in C, tokio, may, Go and Python's gevent",
        run: echo::run,
    },
    Subcommand {
        name: "forward",
        about: "redis-benchmark through the portforwarder example, socat and haproxy",
        run: forward::run,
    },
    Subcommand {
        name: "future",
        about: "futures in greenlets beside tokio, and beside greenlets that wait for events",
        run: |arguments| future::FUTURE.run(arguments),
    },
    Subcommand {
        name: "http",
        about: "a web server beside hyper on tokio and Python's pywsgi, under the load of wrk",
        run: http::run,
    },
    Subcommand {
        name: "hub",
        about: "spawns, waits and kills beside tokio, may, Go and Python's gevent",
        run: |arguments| hub::HUB.run(arguments),
    },
    Subcommand {
        name: "hyper",
        about: "hyper on our hub beside hyper on tokio, under the load of wrk and h2load",
        run: hyper::run,
    },
    Subcommand {
        name: "monitor",
        about: "what the monitoring thread costs, and whether it reports what is not blocked",
        run: monitor::run,
    },
    Subcommand {
        name: "os",
        about: "child processes and files beside std's threads, tokio and Python's gevent",
        run: |arguments| os::OS.run(arguments),
    },
    Subcommand {
        name: "switch",
        about: "greenlets' switches and lives beside context, corosensei and generator",
        run: switch::run,
    },
    Subcommand {
        name: "sync",
        about: "events, results, semaphores, queues, pools beside tokio, may, Go and Python's gevent",
        run: |arguments| sync::SYNC.run(arguments),
    },
];

fn usage() -> ExitCode {
    eprintln!("usage: cargo run --release -p gevent-bench -- SUBCOMMAND [OPTIONS]\n");
    for subcommand in SUBCOMMANDS {
        eprintln!("  {:10} {}", subcommand.name, subcommand.about);
    }
    ExitCode::from(2)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, options)) = arguments.split_first() else {
        return usage();
    };
    let Some(subcommand) = SUBCOMMANDS.iter().find(|known| known.name == name) else {
        return usage();
    };
    match (subcommand.run)(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

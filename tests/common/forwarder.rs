//! The portforwarder example, as a process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;

use rustix::process::Signal;

use super::process::{Ended, Process, example};
use super::redis::Client;
use super::{Result, SOON};

/// How many of each thing a forwarder holds.
pub(crate) type Holds = BTreeMap<String, usize>;

/// A forwarder that listens on a port of its own.
pub(crate) struct Forwarder {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
}

impl Forwarder {
    pub(crate) fn start(target: SocketAddr) -> Result<Forwarder> {
        Forwarder::start_at("127.0.0.1:0", &target.to_string())
    }

    pub(crate) fn start_at(listen: &str, target: &str) -> Result<Forwarder> {
        let process = Process::spawn(&mut command(&[listen, target])?)?;
        // "listening on 127.0.0.1:40001, forwarding to ..."
        let line = process.stderr().line_with("listening on ", 0, SOON)?;
        let address = line
            .split_once("listening on ")
            .and_then(|(_, rest)| rest.split_once(','))
            .ok_or_else(|| format!("no address in {line:?}"))?
            .0
            .parse()?;
        Ok(Forwarder { address, process })
    }

    /// A connection through the forwarder.
    pub(crate) fn client(&self) -> Result<Client> {
        Client::connect(self.address)
    }

    /// The numbers of `connections`, `greenlets` and `watchers` that the forwarder reports, and the kernel's count of
    /// its `fds`.
    pub(crate) fn holds(&self) -> Result<Holds> {
        let seen = self.process.stderr().len();
        self.process.signal(Signal::USR1)?;
        let line = self.process.stderr().line_with("status: ", seen, SOON)?;
        let (_, pairs) = line.split_once("status: ").ok_or("no status")?;
        let mut holds = Holds::new();
        for pair in pairs.split_whitespace() {
            let (name, count) = pair.split_once('=').ok_or_else(|| format!("{pair:?}"))?;
            holds.insert(name.to_owned(), count.parse()?);
        }
        holds.insert("fds".to_owned(), self.process.fds()?);
        Ok(holds)
    }

    /// Sends SIGINT and waits until the forwarder has said that it stops.
    pub(crate) fn interrupt(&self) -> Result {
        let seen = self.process.stderr().len();
        self.process.signal(Signal::INT)?;
        self.process.stderr().line_with("stopping", seen, SOON)?;
        Ok(())
    }
}

/// Runs the forwarder with these arguments until it ends by itself.
pub(crate) fn run(arguments: &[&str]) -> Result<Ended> {
    Process::spawn(&mut command(arguments)?)?.wait(SOON)
}

fn command(arguments: &[&str]) -> Result<Command> {
    let mut command = example("portforwarder")?;
    command.args(arguments);
    Ok(command)
}

//! A PostgreSQL server of its own for each test.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Signal, getuid};

use super::folder::Folder;
use super::installed::{installed, say_skipped};
use super::process::Process;
use super::redis::loopback_address;
use super::{Result, SOON, eventually};

/// The folder of PostgreSQL's own programs, of which Debian has several versions. Where they are not installed, the
/// tests that need them say so and pass, except in CI.
pub(crate) fn programs() -> Option<PathBuf> {
    if !installed(&["psql", "setpriv"], "postgresql") {
        return None;
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    let found = folders.find(|folder| folder.join("initdb").exists());
    if found.is_none() {
        say_skipped("initdb not found: install Debian's package `postgresql`".to_owned());
    }
    found
}

/// A program that PostgreSQL does not run as root runs as the user that Debian has for it.
fn command(program: &Path) -> Command {
    if !getuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
    command.arg(program);
    command
}

/// A PostgreSQL of its own, with an empty database, at a port and at a path.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) folder: Folder,
    process: Option<Process>,
}

impl Server {
    pub(crate) fn start(programs: &Path) -> Result<Server> {
        let folder = Folder::new()?;
        let mut init = command(&programs.join("initdb"));
        init.arg("-D").arg(folder.path("data"));
        let ended =
            Process::spawn(init.args(["-A", "trust", "-U", "tester", "-E", "UTF8", "--locale=C", "--no-sync"]))?
                .wait(SOON)?;
        if !ended.status.success() {
            return Err(format!("initdb: {}{}", ended.stdout, ended.stderr).into());
        }
        // Another program may take the port before it does. It ends then, and another port is tried.
        for _ in 0..5 {
            let port = TcpListener::bind((loopback_address(), 0))?.local_addr()?.port();
            let mut process = Server::run(programs, &folder, port)?;
            let up = eventually("PostgreSQL", SOON, || {
                let ended = process.has_ended()?;
                let up = process.stderr().text().contains("ready to accept connections");
                Ok((ended || up).then_some(!ended))
            })?;
            if up {
                return Ok(Server {
                    port,
                    folder,
                    process: Some(process),
                });
            }
        }
        Err("PostgreSQL does not stay up".into())
    }

    fn run(programs: &Path, folder: &Folder, port: u16) -> Result<Process> {
        let mut run = command(&programs.join("postgres"));
        run.arg("-D").arg(folder.path("data"));
        let settings = [
            format!("listen_addresses={}", loopback_address()),
            format!("port={port}"),
            format!("unix_socket_directories={}", folder.path("").display()),
            "fsync=off".to_owned(),
            "max_connections=200".to_owned(),
        ];
        for setting in &settings {
            run.args(["-c", setting]);
        }
        Process::spawn(&mut run)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It removes its shared memory. An error means that it has ended already.
        if let Some(process) = self.process.take() {
            let _ = process.signal(Signal::INT).and_then(|()| process.wait(SOON));
        }
    }
}

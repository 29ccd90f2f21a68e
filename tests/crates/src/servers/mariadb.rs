//! MariaDB.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use rustix::process::{Signal, getuid};

use crate::common::folder::Folder;
use crate::common::installed::installed;
use crate::common::process::Process;
use crate::common::redis::loopback_address;
use crate::common::{Result, SOON, eventually};

/// A MariaDB of its own, with the user `tester` and an empty database `test`.
pub(crate) struct Mariadb {
    pub(crate) address: SocketAddr,
    process: Option<Process>,
    _folder: Folder,
}

impl Mariadb {
    pub(crate) const USER: &str = "tester";
    pub(crate) const PASSWORD: &str = "secret";

    /// None if it is not installed.
    pub(crate) fn start() -> Result<Option<Mariadb>> {
        if !installed(&["setpriv", "mariadbd", "mariadb-install-db"], "mariadb-server") {
            return Ok(None);
        }
        let folder = Folder::new()?;
        let mut install = command("mariadb-install-db");
        install.args([
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]);
        install.arg(format!("--datadir={}", folder.path("data").display()));
        let ended = Process::spawn(&mut install)?.wait(SOON)?;
        if !ended.status.success() {
            return Err(format!("mariadb-install-db: {}{}", ended.stdout, ended.stderr).into());
        }
        let (user, password) = (Mariadb::USER, Mariadb::PASSWORD);
        let statements = format!(
            "CREATE DATABASE IF NOT EXISTS test;
            CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}';
            GRANT ALL ON *.* TO '{user}'@'%';"
        );
        fs::write(folder.path("statements"), statements)?;
        // Another program may take the port before it does. It ends then, and another port is tried.
        for _ in 0..5 {
            let address = TcpListener::bind((loopback_address(), 0))?.local_addr()?;
            let mut process = Mariadb::run(&folder, address)?;
            let up = eventually("MariaDB", SOON, || {
                let ended = process.has_ended()?;
                let up = process.stderr().text().contains("ready for connections");
                Ok((ended || up).then_some(!ended))
            })?;
            if up {
                return Ok(Some(Mariadb {
                    address,
                    process: Some(process),
                    _folder: folder,
                }));
            }
        }
        Err("MariaDB does not stay up".into())
    }

    fn run(folder: &Folder, address: SocketAddr) -> Result<Process> {
        let mut run = command("mariadbd");
        run.arg("--no-defaults");
        run.args([
            format!("--datadir={}", folder.path("data").display()),
            format!("--socket={}", folder.path("socket").display()),
            format!("--pid-file={}", folder.path("pid").display()),
            format!("--init-file={}", folder.path("statements").display()),
            format!("--bind-address={}", address.ip()),
            format!("--port={}", address.port()),
        ]);
        run.args([
            "--skip-name-resolve",
            "--max-connections=300",
            "--back-log=300",
            "--innodb-flush-log-at-trx-commit=0",
        ]);
        Process::spawn(&mut run)
    }
}

/// A program that does not run as root runs as the user that Debian has for it.
fn command(program: &str) -> Command {
    if !getuid().is_root() {
        return super::mortal(program);
    }
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=mysql",
        "--regid=mysql",
        "--clear-groups",
        "--pdeathsig",
        "KILL",
        "--",
        program,
    ]);
    command
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        // An error means that it has ended already.
        if let Some(process) = self.process.take() {
            let _ = process.signal(Signal::TERM).and_then(|()| process.wait(SOON));
        }
    }
}

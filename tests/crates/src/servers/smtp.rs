//! aiosmtpd, a mail server in Python.

use std::net::SocketAddr;

use crate::common::installed::{installed, say_skipped};
use crate::common::process::Process;
use crate::common::redis::loopback_address;
use crate::common::{Result, SOON};

/// Debian's Python, which has Debian's packages.
const PYTHON: &str = "/usr/bin/python3";
const PROGRAM: &str = include_str!("smtp.py");

/// A mail server that waits for as many milliseconds as the first word of a message's subject says.
pub(crate) struct Smtp {
    pub(crate) address: SocketAddr,
    _process: Process,
}

impl Smtp {
    /// None if it is not installed.
    pub(crate) fn start() -> Result<Option<Smtp>> {
        if !installed(&["setpriv", PYTHON], "python3") {
            return Ok(None);
        }
        let mut has = super::mortal(PYTHON);
        if !Process::spawn(has.args(["-c", "import aiosmtpd"]))?
            .wait(SOON)?
            .status
            .success()
        {
            say_skipped("aiosmtpd not found: install Debian's package `python3-aiosmtpd`".to_owned());
            return Ok(None);
        }
        let ip = loopback_address();
        let process = Process::spawn(super::mortal(PYTHON).args(["-c", PROGRAM, &ip.to_string()]))?;
        let port: u16 = process.stdout().line_with("", 0, SOON)?.parse()?;
        Ok(Some(Smtp {
            address: (ip, port).into(),
            _process: process,
        }))
    }
}

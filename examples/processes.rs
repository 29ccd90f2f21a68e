//! Runs two programs at once, and waits for both with a time limit: gevent's example of that name.
//!
//! ```sh
//! cargo run --example processes
//! ```
//!
//! Other programs may be given, one an argument: `cargo run --example processes -- "sleep 10" date`.

use std::io::{self, Read};

use gevent::prelude::*;
use gevent::subprocess::{Command, PIPE, Popen};

/// How long the programs have, in seconds.
const LIMIT: f64 = 2.0;

/// Starts a program with its arguments.
fn start<'a>(mut words: impl Iterator<Item = &'a str>) -> io::Result<Popen> {
    let program = words.next().ok_or(io::ErrorKind::InvalidInput)?;
    Command::new(program).args(words).stdout(PIPE).spawn()
}

/// What the program has written, if it has ended.
fn result(job: &Popen) -> Result<String, Exception> {
    let Some(code) = job.poll()? else {
        job.kill()?;
        return Ok("still running".to_owned());
    };
    let mut output = Vec::new();
    if let Some(mut stdout) = job.stdout() {
        stdout.read_to_end(&mut output)?;
    }
    Ok(format!("{code}, {:?}", String::from_utf8_lossy(&output)))
}

fn main() -> Result<(), Exception> {
    let mut commands: Vec<_> = std::env::args().skip(1).collect();
    if commands.is_empty() {
        commands.extend(["uname", "ls"].map(str::to_owned));
    }
    let jobs: Vec<_> = commands
        .iter()
        .map(|command| start(command.split_whitespace()))
        .collect::<Result<_, _>>()?;
    // While the programs run, so do greenlets.
    let dots = spawn(|| -> Result<(), Exception> {
        loop {
            eprint!(".");
            sleep(0.1)?;
        }
    });
    wait_timeout(&jobs, LIMIT)?;
    dots.kill()?;
    eprintln!();
    for (command, job) in commands.iter().zip(&jobs) {
        println!("{command}: {}", result(job)?);
    }
    Ok(())
}

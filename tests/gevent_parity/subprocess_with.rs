//! The end of a `with` block closes the pipes, and waits for the child.

use std::io::{BufRead, Write};

use gevent::subprocess::{Command, PIPE, Popen};

use super::common::{TestResult, show};

pub(crate) fn main() -> TestResult {
    let mut command = Command::new("sh");
    let command = command
        .args(["-c", "cat; exit 4"])
        .stdin(PIPE)
        .stdout(PIPE)
        .stderr(PIPE);
    let popen = Popen::new(command)?;
    let (Some(mut stdin), Some(mut stdout), Some(stderr)) = (popen.stdin(), popen.stdout(), popen.stderr()) else {
        return Ok(());
    };
    stdin.write_all(b"line\n")?;
    stdin.flush()?;
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    println!("read: {}", line.trim());
    println!("inside: {}", show(popen.poll()?));
    popen.close()?;
    println!("closed: {} {} {}", stdin.closed(), stdout.closed(), stderr.closed());
    println!(
        "outside: {} {} {}",
        show(popen.returncode()),
        popen.wait()?,
        show(popen.poll()?)
    );
    popen.kill()?;

    let popen = Popen::new(Command::new("sh").args(["-c", "read line"]).stdin(PIPE))?;
    popen.kill()?;
    popen.close()?;
    println!("killed: {}", show(popen.returncode()));
    Ok(())
}

//! A wait whose time is over leaves the child alone; nothing of its output is lost.

use gevent::subprocess::{Command, PIPE, Popen, TimeoutExpired};

use super::common::{TestResult, name, show};

pub(crate) fn main() -> TestResult {
    let mut command = Command::shell("echo first; read line; echo $line");
    let popen = Popen::new(command.stdin(PIPE).stdout(PIPE))?;
    if let Err(error) = popen.wait_timeout(0.01) {
        let timeout = error.downcast_ref().map(|error: &TimeoutExpired| error.timeout);
        println!("wait: {} {} {}", name(&error), show(timeout), show(popen.returncode()));
    }
    let waiting = Popen::new(Command::new("sleep").arg("100").stdout(PIPE))?;
    if let Err(error) = waiting.communicate_timeout(None, 0.01) {
        let timeout = error.downcast_ref().map(|error: &TimeoutExpired| error.timeout);
        println!(
            "communicate: {} {} {}",
            name(&error),
            show(timeout),
            show(waiting.returncode())
        );
    }
    waiting.kill()?;
    let killed = waiting.communicate(None)?.0.unwrap_or_default();
    println!(
        "killed: b'{}' {}",
        String::from_utf8(killed)?,
        show(waiting.returncode())
    );
    let all = String::from_utf8(popen.communicate("second")?.0.unwrap_or_default())?;
    let all: Vec<_> = all.split_whitespace().map(|word| format!("'{word}'")).collect();
    println!("all: [{}] {}", all.join(", "), show(popen.returncode()));
    Ok(())
}

//! A greenlet that is killed in `communicate` loses nothing: the next call returns all of the output.

use std::io::pipe;
use std::os::fd::AsRawFd;

use gevent::subprocess::{Command, PIPE, Popen, TimeoutExpired};
use gevent::{GreenletExit, sleep, spawn};

use super::common::{TestResult, show};

pub(crate) fn main() -> TestResult {
    let (reader, writer) = pipe()?;
    let script = format!("cat; read line </dev/fd/{}; echo end; exit 3", reader.as_raw_fd());
    let mut command = Command::shell(script);
    let popen = Popen::new(command.stdin(PIPE).stdout(PIPE).pass_fds(&[reader.as_raw_fd()]))?;
    let its = popen.clone();
    let communicate = move || match its.communicate("input\n") {
        Err(exit) if exit.is::<GreenletExit>() => {
            println!("killed: {}", show(its.poll()?));
            Err(exit)
        }
        done => done.map(drop),
    };
    let greenlet = spawn(communicate);
    sleep(0.05)?;
    greenlet.kill()?;
    match popen.communicate_timeout(None, 0.01) {
        Err(error) if error.is::<TimeoutExpired>() => println!("timeout: {}", show(popen.poll()?)),
        done => _ = done?,
    }
    drop(writer);
    let (output, _errors) = popen.communicate(None)?;
    let output = output.unwrap_or_default();
    let words: Vec<_> = output
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .collect();
    let words: Vec<_> = words.iter().map(|word| format!("b'{}'", word.escape_ascii())).collect();
    println!("output: [{}]", words.join(", "));
    println!("end: {}", show(popen.returncode()));
    Ok(())
}

//! A greenlet that is killed while it waits for a child leaves the child alone.

use gevent::subprocess::{Command, PIPE, Popen};
use gevent::{GreenletExit, Timeout, joinall, sleep, spawn};

use super::common::{TestResult, show};

pub(crate) fn main() -> TestResult {
    let popen = Popen::new(Command::shell("read line; exit 5").stdin(PIPE))?;
    let wait = |who: u32| {
        let popen = popen.clone();
        move || match popen.wait() {
            Err(exit) if exit.is::<GreenletExit>() => {
                println!("{who}: killed");
                Err(exit)
            }
            code => {
                println!("{who}: {}", code?);
                Ok(())
            }
        }
    };
    let greenlets: Vec<_> = (0..3).map(|n| spawn(wait(n))).collect();
    sleep(0)?;
    greenlets[1].kill()?;
    println!("runs: {}", show(popen.poll()?));
    popen.stdin().expect("a pipe").close();
    joinall(&greenlets)?;
    let sleeper = Popen::new(["sleep", "100"])?;
    let timeout = Timeout::start_new(0.01);
    match sleeper.wait() {
        Err(error) if timeout.caused(&error) => println!("timeout: {}", show(sleeper.poll()?)),
        code => _ = code?,
    }
    sleeper.kill()?;
    println!("end: {}", sleeper.wait()?);
    Ok(())
}

//! killall with a time limit raises Timeout if not all are dead when it is over.

use gevent::{GreenletExit, Kill, TimeoutError, joinall, killall_with, sleep, spawn};

use super::common::{TestResult, ValueError, name, report_errors};

fn stubborn() -> TestResult {
    match sleep(100) {
        Err(exception) if exception.is::<GreenletExit>() => sleep(0.3)?,
        slept => slept?,
    }
    println!("stubborn ends");
    Ok(())
}

fn obedient() -> TestResult {
    sleep(100)
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let greenlets = [spawn(stubborn), spawn(obedient)];
    sleep(0)?;
    let killed = killall_with(&greenlets, Kill::default().timeout(0.001));
    match killed {
        Err(error) if error.is::<TimeoutError>() => {
            let [a, b] = greenlets.each_ref().map(|g| g.dead());
            println!("{}: {a} {b}", name(&error));
        }
        other => other?,
    }
    joinall(&greenlets)?;

    let greenlets = [spawn(obedient), spawn(obedient)];
    sleep(0)?;
    killall_with(&greenlets, Kill::with(ValueError("kill")).timeout(100.0))?;
    let errors = greenlets.iter().filter_map(|g| g.exception());
    let names: Vec<_> = errors.map(|error| name(&error)).collect();
    println!("{}", names.join(" "));
    Ok(())
}

//! A kill may throw any exception: it can be caught; uncaught it is the greenlet's error.

use gevent::{Exception, Kill, sleep, spawn};

use super::common::{TestResult, ValueError, name, report_errors, show};

fn catches() -> Result<String, Exception> {
    match sleep(100) {
        Err(error) if error.is::<ValueError>() => Ok(format!("caught {error}")),
        slept => slept.map(|()| String::new()),
    }
}

fn lets_it_pass() -> TestResult {
    let slept = sleep(100);
    println!("cleans up");
    slept
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let (catching, passing) = (spawn(catches), spawn(lets_it_pass));
    sleep(0)?;
    catching.kill_with(Kill::with(ValueError("one")))?;
    passing.kill_with(Kill::with(ValueError("two")))?;
    println!("{}: {}", catching.successful(), show(catching.value()));
    if let Some(error) = passing.exception() {
        println!("{}: {} {error}", passing.successful(), name(&error));
    }
    Ok(())
}

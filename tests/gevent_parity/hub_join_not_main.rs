//! Only the main greenlet may join the hub.

use gevent::exceptions::NotMainGreenletError;
use gevent::{get_hub, sleep, spawn};

use super::common::TestResult;

fn joins() -> TestResult {
    match get_hub().join() {
        Err(error) if error.is::<NotMainGreenletError>() => println!("refused"),
        joined => drop(joined?),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    spawn(joins).join()?;
    println!("the hub goes on");
    sleep(0)
}

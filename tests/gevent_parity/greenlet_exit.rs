//! A greenlet that ends with GreenletExit has succeeded, wherever it was raised.
//!
//! In gevent the GreenletExit is the greenlet's value. A value has one type here, so `get` returns the exit as its
//! error, while `successful` is true.

use gevent::{Exception, GreenletExit, sleep, spawn};

use super::common::{TestResult, name};

fn raises() -> TestResult {
    Err(Exception::new(GreenletExit))
}

fn sleeps() -> TestResult {
    sleep(100)
}

pub(crate) fn main() -> TestResult {
    let greenlets = [spawn(raises), spawn(sleeps)];
    sleep(0)?;
    greenlets[1].kill()?;
    for g in &greenlets {
        if let Err(exit) = g.get() {
            let (successful, failed) = (g.successful(), g.exception().is_some());
            println!("{successful}: {}, exception: {failed}", name(&exit));
        }
    }
    Ok(())
}

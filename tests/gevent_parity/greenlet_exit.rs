//! GreenletExit is a good end, whoever raises it.
//!
//! In gevent it is the greenlet's value. A value has one type here, so `get` returns it as the error, and
//! `successful` says that it is none.

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

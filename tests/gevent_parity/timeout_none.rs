//! A timeout of None never comes.

use gevent::{Timeout, sleep, with_timeout};

use super::common::{TestResult, show};

pub(crate) fn main() -> TestResult {
    let timeout = Timeout::start_new(None);
    let seconds = show(timeout.seconds());
    println!("pending: {}, seconds: {seconds}", timeout.pending());
    sleep(0.001)?;
    timeout.start()?;
    timeout.cancel();
    Timeout::new(None).silent(|| {
        sleep(0.001)?;
        println!("in time");
        Ok(())
    })?;
    println!("{}", with_timeout(None, || Ok("value"), "timed out")?);
    Ok(())
}

//! A silent timeout ends its block without an error; another timeout passes through it.

use gevent::{Exception, Timeout, TimeoutError, sleep};

use super::common::{TestResult, ValueError};

pub(crate) fn main() -> TestResult {
    Timeout::new(0.001).silent(|| {
        sleep(100)?;
        println!("never printed");
        Ok(())
    })?;
    println!("after the silent block");

    Timeout::new(100).silent(|| {
        sleep(0)?;
        println!("in time");
        Ok(())
    })?;

    let outer = Timeout::start_new(0.001);
    match Timeout::new(100).silent(|| sleep(100)) {
        Err(error) if error.is::<TimeoutError>() => {
            println!("the outer's: {}", outer.caused(&error));
        }
        slept => drop(slept?),
    }

    let failed = Timeout::new(100).silent(|| -> TestResult { Err(Exception::new(ValueError("its own error"))) });
    if let Err(error) = failed {
        println!("{error}");
    }
    Ok(())
}

//! get returns the same value each time, and raises Timeout if it may not wait, or not that long.

use gevent::{Exception, Greenlet, TimeoutError, sleep};

use super::common::{TestResult, name};

fn worker() -> Result<String, Exception> {
    sleep(0.3)?;
    Ok("value".to_owned())
}

fn show(got: Result<String, Exception>) -> TestResult {
    match got {
        Ok(value) => println!("{value}"),
        Err(error) if error.is::<TimeoutError>() => println!("{}", name(&error)),
        Err(other) => return Err(other),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let g = Greenlet::new(worker);
    show(g.get_nowait())?;
    g.start()?;
    show(g.get_nowait())?;
    show(g.get_timeout(0))?;
    show(g.get_timeout(0.001))?;
    println!("ready: {}, has links: {}", g.ready(), g.has_links());
    show(g.get_timeout(100))?;
    show(g.get_nowait())?;
    show(g.get())
}

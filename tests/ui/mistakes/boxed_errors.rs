//! Functions whose errors are boxes.
//!
//! Cure: `|| Ok(function().raised()?)`, with `use gevent::Raised`
//! Cure: `|| Ok(function().map_err(Exception::from_local)?)`

use std::error::Error;

fn work() -> Result<(), Box<dyn Error + Send + Sync>> {
    Ok(())
}

fn work_here() -> Result<(), Box<dyn Error>> {
    Ok(())
}

fn main() {
    gevent::spawn(work);
    gevent::spawn(work_here);
}

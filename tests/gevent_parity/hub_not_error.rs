//! NOT_ERROR and SYSTEM_ERROR: the exceptions that are not printed, and those raised in main; both can change.

use gevent::exceptions::SystemExit;
use gevent::{Exception, Hub, get_hub, sleep, spawn};

use super::common::{KeyError, TestResult, ValueError, name, report_errors};

fn fails(error: Exception) -> TestResult {
    Err(error)
}

fn one(label: &str, error: impl Into<Exception>) -> TestResult {
    println!("-- {label}");
    let error = error.into();
    let g = spawn(move || fails(error));
    match g.join().and_then(|()| sleep(0)) {
        Ok(()) => println!("main goes on"),
        Err(raised) => println!("main: {}", name(&raised)),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let hub = get_hub();
    one("as it comes", ValueError("x"))?;
    hub.set_not_error(|e| Hub::NOT_ERROR(e) || e.is::<ValueError>());
    one("no error", ValueError("x"))?;
    one("another", KeyError("x"))?;
    hub.set_system_error(|e| e.is::<KeyError>() || e.is::<ValueError>());
    one("no error, but the system's", ValueError("x"))?;
    one("the system's", KeyError("x"))?;
    one("not the system's any more", SystemExit(1))?;
    hub.set_not_error(|_| false);
    one("an error after all", SystemExit(1))
}

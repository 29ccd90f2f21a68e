//! A Waiter may be linked to a greenlet: it gets the greenlet's value, or its exception.

use gevent::{Exception, get_hub, spawn};
use waiter::Waiter;

use super::common::{TestResult, ValueError, name, report_errors};

fn fails() -> Result<&'static str, Exception> {
    Err(ValueError("greenlet").into())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let runs: [fn() -> Result<&'static str, Exception>; 2] = [|| Ok("value"), fails];
    for run in runs {
        let waiter = Waiter::new(get_hub().as_wait_hub());
        let g = spawn(run);
        let w = waiter.clone();
        g.rawlink(move |source| Ok(w.call(source)?));
        match waiter.get() {
            Ok(value) => println!("{value}"),
            Err(error) if error.is::<ValueError>() => println!("{} {error}", name(&error)),
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

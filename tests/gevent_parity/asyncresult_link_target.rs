//! A result can be linked to a greenlet, and to another result.

use std::fmt::Display;

use gevent::event::AsyncResult;
use gevent::{Exception, TimeoutError, spawn};

use super::common::{TestResult, ValueError, name, report_errors};

fn fails() -> Result<i32, Exception> {
    Err(ValueError("on purpose").into())
}

fn show<T: Clone + Display + 'static>(which: &str, result: &AsyncResult<T>) {
    match result.get_timeout(0.001) {
        Ok(value) => println!("{which}: {value}"),
        Err(error) if error.is::<TimeoutError>() => println!("{which}: not set"),
        Err(error) => println!("{which}: {}", name(&error)),
    }
}

pub(crate) fn main() -> TestResult {
    report_errors();
    for function in [|| Ok(1), fails] {
        let g = spawn(function);
        let (all, value, exception) = (AsyncResult::new(), AsyncResult::new(), AsyncResult::new());
        g.link(all.as_link());
        g.link_value(value.as_link());
        g.link_exception(exception.as_link());
        show("link", &all);
        show("link_value", &value);
        show("link_exception", &exception);
    }

    let (first, second) = (AsyncResult::new(), AsyncResult::new());
    first.rawlink(second.as_link());
    first.set("passed on");
    println!("second is ready: {}", second.ready());
    show("second", &second);
    Ok(())
}

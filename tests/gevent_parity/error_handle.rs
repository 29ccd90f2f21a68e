//! handle_error by hand: errors are printed; those without a context and the system's are raised in main.

use gevent::exceptions::{KeyboardInterrupt, SystemExit};
use gevent::{Context, Exception, GreenletExit, get_hub, sleep};

use super::common::{TestResult, ValueError, name, report_errors};

/// An object that serves as the context of an error.
#[derive(Debug)]
struct Somebody;

fn handle(label: &'static str, context: Option<Somebody>, error: impl Into<Exception>) -> TestResult {
    let hub = get_hub();
    let error = error.into();
    println!("-- {label}");
    let h = hub.clone();
    hub.loop_().run_callback(move || {
        let context = match &context {
            Some(somebody) => Context::Object(somebody),
            None => Context::None,
        };
        h.handle_error(context, error);
        println!("{label}: handled");
    })?;
    match sleep(0) {
        Ok(()) => println!("main goes on"),
        Err(raised) => println!("main: {}", name(&raised)),
    }
    sleep(0)
}

pub(crate) fn main() -> TestResult {
    report_errors();
    handle("somebody's", Some(Somebody), ValueError("handle"))?;
    handle("nobody's", None, ValueError("handle"))?;
    handle("a GreenletExit", Some(Somebody), GreenletExit)?;
    handle("a SystemExit", Some(Somebody), SystemExit(3))?;
    handle("a KeyboardInterrupt", Some(Somebody), KeyboardInterrupt)
}

//! A program may replace the hub's error handling, and still call it for some errors.

use std::rc::Rc;

use gevent::exceptions::SystemExit;
use gevent::hub::core::ErrorHandler;
use gevent::{Context, Exception, GreenletExit, get_hub, sleep, spawn, spawn_raw};

use super::common::{KeyError, TestResult, ValueError, name, report_errors};

struct Ours;

impl ErrorHandler for Ours {
    fn handle_error(&self, context: Context<'_>, error: Exception) {
        let somebodys = if context.is_none() { "no" } else { "yes" };
        println!("ours: {}, somebody's: {somebodys}", name(&error));
        if error.is::<KeyError>() {
            get_hub().handle_error(context, error);
        }
    }
}

fn raises(error: impl Into<Exception>) -> TestResult {
    Err(error.into())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let hub = get_hub();
    let before = hub.error_handler();
    hub.set_error_handler(Some(Rc::new(Ours)));
    spawn(|| raises(ValueError("greenlet")));
    spawn(|| raises(KeyError("greenlet")));
    spawn(|| raises(GreenletExit));
    hub.loop_().run_callback(|| raises(ValueError("callback")))?;
    let timer = hub.loop_().timer(0.0)?;
    timer.start(|| raises(KeyError("timer")))?;
    spawn_raw(|| raises(SystemExit(3)))?;
    sleep(0.01)?;
    hub.set_error_handler(before);
    spawn(|| raises(ValueError("the hub's again")));
    sleep(0)
}

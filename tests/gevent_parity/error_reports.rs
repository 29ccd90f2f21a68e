//! The hub's reports of errors, and the exceptions that it does not report.

use gevent::hub::ExceptionStream;
use gevent::{Exception, GreenletExit, get_hub, sleep, spawn, spawn_raw};

use super::common::{TestResult, ValueError, report_errors};

fn raises(error: &Exception) -> TestResult {
    Err(error.clone())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let hub = get_hub();
    let loop_ = hub.loop_();

    let errors = [Exception::new(ValueError("printed")), Exception::new(GreenletExit)];
    for error in errors {
        let e = error.clone();
        loop_.run_callback(move || raises(&e))?;
        let timer = loop_.timer(0.0)?;
        let e = error.clone();
        timer.start(move || raises(&e))?;
        let e = error.clone();
        spawn_raw(move || raises(&e))?;
        let e = error.clone();
        spawn(move || raises(&e));
        let g = spawn(|| ());
        g.link(move |_| raises(&error));
        sleep(0.01)?;
        println!("the hub goes on");
    }

    hub.set_exception_stream(ExceptionStream::Discard);
    spawn(|| raises(&ValueError("nowhere").into()));
    loop_.run_callback(|| raises(&ValueError("nowhere").into()))?;
    sleep(0)?;
    println!("nothing is printed without a stream");
    Ok(())
}

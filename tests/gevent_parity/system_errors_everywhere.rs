//! System errors reach main wherever they are raised. Only SystemExit is not printed.

use std::io;

use gevent::exceptions::{KeyboardInterrupt, SystemError, SystemExit};
use gevent::hub::Hub;
use gevent::{Exception, get_hub, sleep, spawn, spawn_raw};

use super::common::{TestResult, name, report_errors};

fn raises(error: &Exception) -> TestResult {
    Err(error.clone())
}

fn catch(location: &str) -> TestResult {
    match sleep(0.01) {
        Ok(()) => println!("{location}: nothing"),
        Err(error) if Hub::SYSTEM_ERROR(&error) => println!("{location}: {}", name(&error)),
        Err(other) => return Err(other),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let hub = get_hub();
    let loop_ = hub.loop_();

    let errors = [
        Exception::new(SystemExit(1)),
        Exception::new(KeyboardInterrupt),
        Exception::new(SystemError {
            message: "broken".to_owned(),
            source: io::ErrorKind::Other.into(),
        }),
    ];
    for error in errors {
        let e = error.clone();
        loop_.run_callback(move || raises(&e))?;
        catch("callback")?;
        let timer = loop_.timer(0.0)?;
        let e = error.clone();
        timer.start(move || raises(&e))?;
        catch("timer")?;
        let e = error.clone();
        spawn_raw(move || raises(&e))?;
        catch("raw greenlet")?;
        let e = error.clone();
        spawn(move || raises(&e));
        catch("greenlet")?;
        let g = spawn(|| ());
        g.rawlink(move |_| raises(&error));
        catch("link")?;
        sleep(0)?;
    }
    Ok(())
}

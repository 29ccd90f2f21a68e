//! A callback of the loop must not block: it gets BlockingSwitchOutError, which it may handle.

use gevent::exceptions::BlockingSwitchOutError;
use gevent::{Exception, Greenlet, get_hub, sleep};

use super::common::{TestResult, name, report_errors};

fn tries<T>(what: &str, function: impl FnOnce() -> Result<T, Exception>) -> TestResult {
    match function() {
        Err(error) if error.is::<BlockingSwitchOutError>() => println!("{what}: {}", name(&error)),
        other => drop(other?),
    }
    Ok(())
}

fn callback(g: &Greenlet<()>) -> TestResult {
    tries("sleep(0)", || sleep(0))?;
    tries("sleep(0.001)", || sleep(0.001))?;
    tries("join", || g.join())?;
    tries("get", || g.get())?;
    tries("hub.switch", || get_hub().switch())?;
    sleep(0)?;
    println!("never printed");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let hub = get_hub();
    let loop_ = hub.loop_();
    let g = Greenlet::new(|| println!("greenlet"));

    let greenlet = g.clone();
    loop_.run_callback(move || callback(&greenlet))?;
    let timer = loop_.timer(0.0)?;
    timer.start(|| sleep(0))?;
    g.start()?;
    g.rawlink(|_| tries("rawlink", || sleep(0)));
    g.join()?;
    sleep(0.01)
}

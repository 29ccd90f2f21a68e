//! The results of get and wait when the time is over.

use gevent::event::AsyncResult;
use gevent::{Exception, Timeout, TimeoutError, with_timeout};

use super::common::{TestResult, show};

pub(crate) fn main() -> TestResult {
    let result = AsyncResult::<&str>::new();
    let gets: [&dyn Fn() -> Result<&'static str, Exception>; 3] =
        [&|| result.get_timeout(0.001), &|| result.get_nowait(), &|| {
            result.get_nowait()
        }];
    for get in gets {
        if let Err(error) = get()
            && let Some(timeout) = error.downcast_ref::<TimeoutError>()
        {
            println!("Timeout, seconds: {}", show(timeout.seconds));
        }
    }
    println!("wait: {}", show(result.wait_timeout(0.001)?));
    println!("with_timeout: {}", with_timeout(0.001, || result.get(), "instead")?);
    let outer = Timeout::start_new(0.001);
    if let Err(timeout) = result.get_timeout(100) {
        println!("outer: {}", outer.caused(&timeout));
    }
    let (cancel, cancelled, done) = (result.cancel(), result.cancelled(), result.done());
    println!("cancel: {cancel}, cancelled: {cancelled}, done: {done}");
    println!("linked: {}", result.linkcount());
    Ok(())
}

//! destroy without an argument keeps libev's default loop for the next hub, and destroys any other.

use gevent::hub::core::Loop;
use gevent::hub::{Hub, set_hub};
use gevent::{get_hub, sleep};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_().clone();
    sleep(0)?;
    hub.destroy(None)?;
    println!("kept: {} {}", *get_hub().loop_() == loop_, loop_.default());

    let own = Loop::new((), false)?;
    set_hub(Some(Hub::new(own.clone())?));
    let hub = get_hub();
    println!("given: {} {}", *hub.loop_() == own, own.default());
    sleep(0.001)?;
    hub.destroy(None)?;
    println!("destroyed: {}", own.destroyed());
    let hub = get_hub();
    sleep(0.001)?;
    println!("another: {}", *hub.loop_() == own);
    Ok(())
}

//! All getters get the value, in their order; those that come later get it at once.

use gevent::event::AsyncResult;
use gevent::{Exception, joinall, sleep, spawn};

use super::common::{TestResult, show};

pub(crate) fn main() -> TestResult {
    let result = AsyncResult::new();
    let getter = |name: &'static str| {
        let result = result.clone();
        move || {
            println!("{name}: {}", result.get()?);
            Ok::<_, Exception>(())
        }
    };
    let waiter = |name: &'static str| {
        let result = result.clone();
        move || {
            println!("{name}: {}", show(result.wait()?));
            Ok::<_, Exception>(())
        }
    };

    let greenlets = [spawn(getter("get 0")), spawn(waiter("wait 1")), spawn(getter("get 2"))];
    sleep(0)?;
    println!("linked: {}, ready: {}", result.linkcount(), result.ready());
    result.set("value");
    let (ready, successful) = (result.ready(), result.successful());
    println!(
        "ready: {ready}, successful: {successful}, value: {}",
        show(result.value())
    );
    getter("main, at once")()?;
    waiter("main, in its turn")()?;
    joinall(&greenlets)?;
    println!("linked: {}", result.linkcount());
    Ok(())
}

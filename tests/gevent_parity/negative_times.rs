//! Negative times count as 0 everywhere.

use gevent::{Timeout, TimeoutError, get_hub, joinall_timeout, sleep, spawn, spawn_later, wait_timeout, with_timeout};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let never = spawn(|| {
        sleep(100)?;
        Ok("never")
    });
    never.join_timeout(-1)?;
    println!("join: {}", never.ready());
    match never.get_timeout(-1) {
        Err(error) if error.is::<TimeoutError>() => println!("get"),
        got => drop(got?),
    }
    println!("wait: {}", wait_timeout([&never], -1)?.len());
    println!("joinall: {}", joinall_timeout([&never], -1)?.len());
    println!("hub.join: {}", hub.join_timeout(-1)?);
    let timeout = Timeout::start_new(-1);
    if let Err(error) = sleep(100) {
        println!("timeout: {}", timeout.caused(&error));
    }
    spawn_later(-1, || println!("spawn_later")).join()?;
    println!("{}", with_timeout(-1, || never.get(), "with_timeout")?);
    never.kill()
}

//! A Waiter keeps a value that it is given without a getter; any number of gets return it.

use gevent::get_hub;
use waiter::Waiter;

use super::common::{TestResult, ValueError, name};

fn show(waiter: &Waiter<&str>) {
    println!("ready={} successful={}", waiter.ready(), waiter.successful());
}

pub(crate) fn main() -> TestResult {
    let waiter = Waiter::new(get_hub().as_wait_hub());
    show(&waiter);
    waiter.switch("first")?;
    waiter.switch("second")?;
    show(&waiter);
    println!("{}", waiter.get()?);
    println!("{}", waiter.get()?);
    waiter.throw(ValueError("third"))?;
    show(&waiter);
    for _ in 0..2 {
        if let Err(error) = waiter.get() {
            println!("{} {error}", name(&error));
        }
    }
    waiter.clear();
    show(&waiter);
    waiter.switch("fourth")?;
    println!("{}", waiter.get()?);
    Ok(())
}

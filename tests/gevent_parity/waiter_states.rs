//! The value of a Waiter, before and after clear.

use gevent::get_hub;
use gevent::hub::Waiter;

use super::common::{TestResult, ValueError, show as none_or};

fn show<T: Clone + std::fmt::Display>(label: &str, waiter: &Waiter<T>) {
    let held = match waiter.exc_info() {
        Some((name, error, _)) => format!("{name} {error}"),
        None => "None".to_owned(),
    };
    println!(
        "{label}: ready={} successful={} value={} {held}",
        waiter.ready(),
        waiter.successful(),
        none_or(waiter.value())
    );
}

pub(crate) fn main() -> TestResult {
    let waiter = Waiter::<i32>::new(get_hub());
    show("new", &waiter);
    waiter.switch(1)?;
    show("switched", &waiter);
    waiter.switch(2)?;
    show("switched again", &waiter);
    println!("{} {}", waiter.get()?, waiter.get()?);
    show("got", &waiter);
    waiter.clear();
    show("cleared", &waiter);
    waiter.throw(ValueError("thrown"))?;
    show("thrown", &waiter);
    match waiter.get() {
        Err(error) if error.is::<ValueError>() => println!("get: {error}"),
        other => drop(other?),
    }
    waiter.clear();

    let pair = Waiter::<(i32, &str)>::new(get_hub());
    let timer = get_hub().loop_().timer(0.001)?;
    let switch_args = pair.clone();
    timer.start(move || Ok(switch_args.switch((1, "two"))?))?;
    let (one, two) = pair.get()?;
    println!("{one} {two}");
    show("empty again", &waiter);
    Ok(())
}

//! The package greenlet: a switch carries a value there and back; the end goes to the parent.

use std::cell::OnceCell;
use std::rc::Rc;

use gevent::{Exception, RawGreenlet, Value, getcurrent};

use super::common::TestResult;

type Pair = Rc<OnceCell<(RawGreenlet, RawGreenlet)>>;

fn show(g: &RawGreenlet) {
    println!("active={} dead={}", g.active(), g.dead());
}

/// Every value here is a string.
fn text(value: Value) -> &'static str {
    value.downcast().unwrap_or("something else")
}

fn switch(g: &RawGreenlet, value: &'static str) -> Result<&'static str, Exception> {
    g.switch(Value::new(value)).map(text)
}

fn ping(main: &RawGreenlet, pong: &RawGreenlet, first: &str) -> Result<Value, Exception> {
    println!("ping begins with {first}");
    let second = switch(main, "from ping")?;
    println!("ping goes on with {second}");
    let third = switch(pong, "from ping to pong")?;
    println!("ping ends with {third}");
    Ok(Value::new("ping's value"))
}

fn pong(ping: &RawGreenlet, first: &str) -> Result<Value, Exception> {
    println!("pong begins with {first}");
    let second = switch(ping, "from pong to ping")?;
    println!("pong ends with {second}");
    Ok(Value::new("pong's value"))
}

pub(crate) fn main() -> TestResult {
    let main = getcurrent();
    let pair = Pair::default();
    let both = |pair: &Pair| pair.get().cloned().expect("set before they run");
    let (of_ping, of_pong) = (pair.clone(), pair.clone());
    let (ping, pong) = pair.get_or_init(|| {
        (
            RawGreenlet::new(move |first| ping(&main, &both(&of_ping).1, text(first))),
            RawGreenlet::new(move |first| pong(&both(&of_pong).0, text(first))),
        )
    });
    show(ping);
    println!("{}", switch(ping, "main 1")?);
    show(ping);
    println!("{}", switch(ping, "main 2")?);
    show(ping);
    println!("{}", switch(pong, "main 3")?);
    show(pong);
    println!("{}", switch(ping, "comes back from the dead")?);
    Ok(())
}

//! throw into a greenlet that waits, that has never run, and that is dead; and the results.

use gevent::{Exception, GreenletExit, RawGreenlet, Value, getcurrent};

use super::common::{TestResult, ValueError, name};

type Run = fn(&RawGreenlet) -> Result<Value, Exception>;

fn throw(label: &str, g: &RawGreenlet, error: ValueError) {
    match g.throw(error) {
        Ok(value) => println!("{label}: returns {}", value.downcast().unwrap_or("")),
        Err(raised) => println!("{label}: raises {} {raised}", name(&raised)),
    }
    println!("dead={}", g.dead());
}

fn catches(main: &RawGreenlet) -> Result<Value, Exception> {
    match main.switch(()) {
        Err(error) if error.is::<ValueError>() => println!("catches {error}"),
        switched => drop(switched?),
    }
    Ok(Value::new("value"))
}

fn passes(main: &RawGreenlet) -> Result<Value, Exception> {
    main.switch(())?;
    Ok(Value::None)
}

fn greenlet(run: Run) -> RawGreenlet {
    let main = getcurrent();
    RawGreenlet::new(move |_| run(&main))
}

fn parked(run: Run) -> Result<RawGreenlet, Exception> {
    let g = greenlet(run);
    g.switch(())?;
    Ok(g)
}

pub(crate) fn main() -> TestResult {
    throw("caught", &parked(catches)?, ValueError("1"));
    throw("not caught", &parked(passes)?, ValueError("2"));
    throw("never ran", &greenlet(passes), ValueError("3"));
    let dead = greenlet(|_| Ok(Value::None));
    dead.switch(())?;
    throw("dead", &dead, ValueError("4"));
    for (label, g) in [
        ("exit", parked(passes)?),
        ("exit, never ran", greenlet(passes)),
        ("exit, dead", dead),
    ] {
        // The exit arrives as a value, which is the exception in a box.
        let exit = g.throw(GreenletExit)?;
        let exit = exit.downcast_ref::<Exception>().map(name).unwrap_or_default();
        println!("{label}: returns {exit}, dead={}", g.dead());
    }
    Ok(())
}

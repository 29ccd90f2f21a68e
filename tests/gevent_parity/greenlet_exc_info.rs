//! A greenlet that has failed has an exc_info, and no other has.

use gevent::{AnyGreenlet, Kill, sleep, spawn};

use super::common::{KeyError, TestResult, ValueError, report_errors};

fn show(label: &str, g: &AnyGreenlet) {
    match g.exc_info() {
        None => println!("{label} None"),
        // Python shows the argument of a KeyError in quotes.
        Some(("KeyError", error, _)) => println!("{label} KeyError '{error}'"),
        Some((name, error, _)) => println!("{label} {name} {error}"),
    }
}

fn fails() -> TestResult {
    Err(ValueError("on purpose").into())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let g = spawn(fails).any();
    show("before", &g);
    g.join()?;
    show("failed", &g);
    let same = g
        .exc_info()
        .zip(g.exception())
        .is_some_and(|((_, error, _), own)| error.same(&own));
    println!("same {same}");
    let g = spawn(|| 1).any();
    g.join()?;
    show("good", &g);
    let g = spawn(|| sleep(100)).any();
    sleep(0)?;
    g.kill()?;
    show("killed", &g);
    let g = spawn(|| sleep(100)).any();
    g.kill_with(Kill::with(KeyError("early")))?;
    show("killed before it began", &g);
    Ok(())
}

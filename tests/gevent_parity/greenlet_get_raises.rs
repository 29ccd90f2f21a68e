//! get raises the exception with which the greenlet has ended, the same object for each caller.

use gevent::{Greenlet, joinall, sleep, spawn};

use super::common::{TestResult, ValueError, name, report_errors};

fn fails() -> TestResult {
    sleep(0)?;
    Err(ValueError("greenlet").into())
}

fn getter(label: &str, g: &Greenlet<()>) {
    if let Err(error) = g.get()
        && error.is::<ValueError>()
    {
        let same = g.exception().is_some_and(|other| other.same(&error));
        println!("{label}: {}, the same: {same}", name(&error));
    }
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let g = spawn(fails);
    let getters = ["a", "b"].map(|label| {
        let g = g.clone();
        spawn(move || getter(label, &g))
    });
    joinall(getters)?;
    getter("late", &g);
    Ok(())
}

//! Each kind of link is called at its kinds of ends.

use gevent::{Exception, GreenletExit, sleep, spawn};

use super::common::{TestResult, ValueError, report_errors};

type Run = fn() -> TestResult;

fn returns() -> TestResult {
    Ok(())
}

fn fails() -> TestResult {
    Err(ValueError("greenlet").into())
}

fn exits() -> TestResult {
    Err(Exception::new(GreenletExit))
}

fn sleeps() -> TestResult {
    sleep(100)
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let runs: [(&str, Run); 4] = [
        ("returns", returns),
        ("fails", fails),
        ("exits", exits),
        ("sleeps", sleeps),
    ];
    for (name, run) in runs {
        println!("-- {name}");
        let g = spawn(run);
        g.link_exception(|_| println!("link_exception"));
        g.link_value(|_| println!("link_value"));
        g.link(|_| println!("link"));
        sleep(0)?;
        g.kill()?;
        sleep(0)?;
    }
    Ok(())
}

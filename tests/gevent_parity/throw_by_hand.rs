//! throw switches at once; a callback of the hub goes on when the greenlet waits again or ends.

use gevent::{Exception, Greenlet, get_hub, sleep, spawn};

use super::common::{KeyError, TestResult, ValueError, name, report_errors, show};

fn worker(label: &'static str) -> Result<&'static str, Exception> {
    loop {
        match sleep(100) {
            Err(error) if error.is::<ValueError>() => println!("{label}: {error}"),
            Err(error) if error.is::<KeyError>() => {
                println!("{label} returns");
                return Ok(label);
            }
            other => other?,
        }
    }
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let g = spawn(|| worker("g"));
    sleep(0)?;
    let loop_ = get_hub().loop_().clone();
    let throws = |error: Exception| {
        let g = g.clone();
        loop_.run_callback(move || {
            println!("throw {}", name(&error));
            g.throw(error)?;
            println!("thrown {}", g.dead());
            Ok(())
        })
    };
    throws(ValueError("one").into())?;
    throws(ValueError("two").into())?;
    throws(KeyError("end").into())?;
    throws(ValueError("too late").into())?;
    g.join()?;
    println!("{}", show(g.value()));

    let h = Greenlet::new(|| worker("h"));
    h.rawlink(|source| println!("h: {}", name(&source.exception().expect("it failed"))));
    h.throw(ValueError("before it began"))?;
    println!("{} {}", h.dead(), h.ready());
    sleep(0)
}

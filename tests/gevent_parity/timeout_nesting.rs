//! Two timeouts, one in the other: the one that comes first interrupts; each is known by its identity.

use gevent::{Timeout, TimeoutError, sleep};

use super::common::TestResult;

fn nested(outer_seconds: f64, inner_seconds: f64) -> TestResult {
    let outer = Timeout::start_new(outer_seconds);
    let slept = (|| {
        let inner = Timeout::start_new(inner_seconds);
        let slept = sleep(100);
        let mut handled = Ok(());
        if let Err(error) = slept
            && error.is::<TimeoutError>()
        {
            println!(
                "in the inner block: the inner's {}, the outer's {}",
                inner.caused(&error),
                outer.caused(&error)
            );
            if !inner.caused(&error) {
                handled = Err(error);
            }
        }
        println!("pending: inner {}, outer {}", inner.pending(), outer.pending());
        inner.close();
        handled?;
        sleep(100)
    })();
    if let Err(error) = slept
        && error.is::<TimeoutError>()
    {
        println!("in the outer block: the outer's {}", outer.caused(&error));
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    println!("inner first");
    nested(0.3, 0.001)?;
    println!("outer first");
    nested(0.001, 100.0)?;
    println!("both at once");
    nested(0.0, 0.0)?;
    sleep(0.01)
}

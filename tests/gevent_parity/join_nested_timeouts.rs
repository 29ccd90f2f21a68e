//! The time limit of a join makes it return; a Timeout around it is raised.

use gevent::{Exception, Timeout, TimeoutError, iwait_timeout, joinall_timeout, sleep, spawn};

use super::common::{TestResult, name};

fn whose(outer: &Timeout, error: &Exception) -> &'static str {
    if outer.caused(error) { "outer" } else { "inner" }
}

pub(crate) fn main() -> TestResult {
    let g = spawn(|| sleep(100));
    g.join_timeout(0.001)?;
    println!("join: {}", g.ready());

    let outer = Timeout::start_new(0.001);
    match g.join_timeout(10) {
        Err(error) if error.is::<TimeoutError>() => println!("{}", whose(&outer, &error)),
        other => return other,
    }
    outer.close();

    let outer = Timeout::start_new(10);
    match g.get_timeout(0.001) {
        Err(error) if error.is::<TimeoutError>() => println!("{} {error}", whose(&outer, &error)),
        other => return other,
    }
    outer.close();

    match g.get_nowait() {
        Err(error) if error.is::<TimeoutError>() => println!("not blocking: {}", name(&error)),
        other => return other,
    }

    let outer = Timeout::start_new(0.001);
    match joinall_timeout([&g], 10) {
        Err(error) if error.is::<TimeoutError>() => println!("joinall: {}", whose(&outer, &error)),
        other => drop(other?),
    }
    outer.close();
    println!("joinall: {}", joinall_timeout([&g], 0.001)?.len());

    let outer = Timeout::start_new(0.001);
    match iwait_timeout([&g], 10)?.try_for_each(|ready| ready.map(drop)) {
        Err(error) if error.is::<TimeoutError>() => println!("iwait: {}", whose(&outer, &error)),
        other => {
            println!("not reached");
            return other;
        }
    }
    outer.close();
    g.kill()
}

//! A kill of a greenlet that has ended changes nothing, and does not wait.

use gevent::{killall, sleep, spawn};

use super::common::{TestResult, ValueError, show};

pub(crate) fn main() -> TestResult {
    let g = spawn(|| "value");
    g.join()?;
    spawn(|| println!("another greenlet"));
    g.kill()?;
    println!("killed: {}", show(g.value()));
    killall([&g, &g])?;
    println!("killed all: {}", show(g.value()));
    g.throw(ValueError("throw"))?;
    println!("thrown: {}", show(g.value()));
    sleep(0)
}

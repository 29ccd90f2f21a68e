//! Greenlets that join another one go on in the order in which they came, among its links.

use gevent::{Greenlet, sleep, spawn};

use super::common::TestResult;

fn worker() -> TestResult {
    println!("worker begins");
    sleep(0)?;
    println!("worker ends");
    Ok(())
}

fn joiner(name: &str, g: &Greenlet<()>) -> TestResult {
    println!("{name} joins");
    g.join()?;
    println!("{name} goes on");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let g = spawn(worker);
    let joined = g.clone();
    spawn(move || joiner("a", &joined));
    g.rawlink(|_| println!("link before b and main"));
    let joined = g.clone();
    spawn(move || joiner("b", &joined));
    sleep(0)?;
    g.rawlink(|_| println!("link after a and b"));
    g.join()?;
    println!("main goes on");
    g.join()?;
    println!("main joins again, without a wait");
    Ok(())
}

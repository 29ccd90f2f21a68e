//! A destroyed hub is replaced by a new one, which goes on with the loop if that was kept.

use gevent::{get_hub, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let first = get_hub();
    let loop_ = first.loop_().clone();
    sleep(0.001)?;
    let timer = loop_.timer(0.001)?;
    timer.start(|| println!("a timer of the kept loop"))?;
    first.destroy(false)?;
    let second = get_hub();
    let (other, same) = (second != first, *second.loop_() == loop_);
    println!("another hub: {other}, the same loop: {same}");
    sleep(0.01)?;
    println!("{}", spawn(|| "a greenlet of the second hub").get()?);
    second.destroy(true)?;
    let third = get_hub();
    let (other, same) = (third != second, *third.loop_() == loop_);
    println!("another hub: {other}, the same loop: {same}");
    sleep(0)?;
    println!("the third hub works");
    Ok(())
}

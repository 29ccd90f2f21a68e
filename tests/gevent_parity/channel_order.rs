//! The getter goes on before the putter, also with many of both.

use gevent::queue::Channel;
use gevent::{sleep, spawn};

use super::common::TestResult;

fn putter(name: char, channel: &Channel<String>) -> TestResult {
    for i in 0..2 {
        channel.put(format!("{name}{i}"))?;
        println!("{name} has put {i}");
    }
    Ok(())
}

fn getter(name: char, channel: &Channel<String>) -> TestResult {
    for _ in 0..3 {
        println!("{name} got {}", channel.get()?);
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let channel = Channel::new();

    for name in "xyz".chars() {
        let channel = channel.clone();
        spawn(move || putter(name, &channel));
    }
    sleep(0)?;
    println!("balance {}", channel.balance());
    for name in "ab".chars() {
        let channel = channel.clone();
        spawn(move || getter(name, &channel));
    }
    sleep(0)?;
    println!("balance {}", channel.balance());
    sleep(0)?;
    let its = channel.clone();
    spawn(move || getter('c', &its));
    sleep(0)?;
    println!("balance {}", channel.balance());
    Ok(())
}

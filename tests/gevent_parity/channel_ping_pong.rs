//! Two greenlets talk over two channels, with others in between.

use gevent::queue::Channel;
use gevent::{get_hub, spawn};

use super::common::TestResult;

fn ponger(there: &Channel<i32>, back: &Channel<i32>) -> TestResult {
    loop {
        let ball = there.get()?;
        println!("pong {ball}");
        back.put(ball + 1)?;
    }
}

pub(crate) fn main() -> TestResult {
    let (there, back) = (Channel::new(), Channel::new());
    let hub = get_hub();
    let loop_ = hub.loop_();

    let (its_there, its_back) = (there.clone(), back.clone());
    spawn(move || ponger(&its_there, &its_back));
    let mut ball = 0;
    for _ in 0..3 {
        loop_.run_callback(|| println!("callback"))?;
        there.put(ball)?;
        println!("ping {ball}");
        loop_.run_callback(|| println!("another callback"))?;
        ball = back.get()?;
    }
    Ok(())
}

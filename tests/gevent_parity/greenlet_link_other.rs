//! A link may kill and start other greenlets; each takes its turn.

use gevent::{Greenlet, Kill, killall, sleep, spawn};

use super::common::TestResult;

fn worker(name: &str) -> TestResult {
    println!("{name} begins");
    let slept = sleep(100);
    println!("{name} ends");
    slept
}

fn kills([sleeping, made, late]: &[Greenlet<()>; 3]) -> TestResult {
    let dont_block = Kill::default().nonblocking();
    println!("link kills and starts");
    sleeping.kill_with(dont_block.clone())?;
    made.start()?;
    late.start()?;
    late.kill_with(dont_block)?;
    println!("dead: {} {} {}", sleeping.dead(), made.dead(), late.dead());
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let greenlets = [
        spawn(|| worker("sleeping")),
        Greenlet::new(|| worker("made")),
        Greenlet::new(|| worker("late")),
    ];
    let g = spawn(|| ());
    let all = greenlets.clone();
    g.rawlink(move |_| kills(&all));
    g.rawlink(|_| println!("next link"));
    g.join()?;
    println!("joined");
    sleep(0)?;
    killall(greenlets)
}

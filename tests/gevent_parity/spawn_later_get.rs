//! spawn_later: times in the past, get and kill before the start.

use gevent::{Exception, TimeoutError, joinall, sleep, spawn, spawn_later};

use super::common::{TestResult, name};

fn work(n: usize) -> usize {
    println!("{n} runs");
    n
}

pub(crate) fn main() -> TestResult {
    let jobs = [(0, 0), (1, -1), (2, -2)].map(|(n, seconds)| spawn_later(seconds, move || work(n)));
    println!(
        "started: {}",
        jobs.each_ref().map(|g| g.started().to_string()).join(" ")
    );
    println!("{}", spawn(|| work(3)).get()?);
    let ended: Result<Vec<_>, _> = joinall(&jobs)?.iter().map(|g| g.get()).collect();
    println!("ended: {:?}", ended?);

    let late = spawn_later(100, || work(4));
    match late.get_timeout(0.001) {
        Err(timeout) if timeout.is::<TimeoutError>() => println!("{}: {timeout}", name(&timeout)),
        got => drop(got?),
    }
    match late.get_nowait() {
        Err(timeout) if timeout.is::<TimeoutError>() => println!("not yet"),
        got => drop(got?),
    }
    late.kill()?;
    let exit: Exception = late.get().unwrap_err();
    println!(
        "dead {}, successful {}, {}",
        late.dead(),
        late.successful(),
        name(&exit)
    );

    let later = spawn_later(100, || work(5));
    later.start()?;
    sleep(0)?;
    println!(
        "start does not start it again: started {}, ready {}",
        later.started(),
        later.ready()
    );
    later.kill()
}

//! Subscribers are called in their order, with the very event, which they may change; a program's own events, too.

use gevent::events;

use super::common::TestResult;

struct Deployed {
    version: u32,
    seen: Vec<&'static str>,
}

struct Stopped;

fn first(event: &mut Deployed) {
    event.seen.push("first");
    println!("first: {}", event.version);
}

fn second(event: &mut Deployed) {
    event.seen.push("second");
    println!("second: {}", list(&event.seen));
    if event.version == 3 {
        events::notify(&mut Stopped);
    }
}

fn stopped(_: &mut Stopped) {
    println!("stopped");
}

fn deploy(version: u32) {
    let mut event = Deployed {
        version,
        seen: Vec::new(),
    };
    events::notify(&mut event);
    println!("{version} {}", list(&event.seen));
}

/// A list as Python prints it.
fn list(names: &[&str]) -> String {
    format!("{names:?}").replace('"', "'")
}

pub(crate) fn main() -> TestResult {
    deploy(1);
    let one = events::subscribe(first);
    let two = events::subscribe(second);
    events::subscribe(stopped).forever();
    deploy(2);
    deploy(3);
    drop(one);
    deploy(4);
    let one = events::subscribe(first);
    deploy(5);
    drop(two);
    drop(one);
    deploy(6);
    events::notify(&mut Stopped);
    Ok(())
}

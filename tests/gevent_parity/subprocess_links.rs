//! Children are waited for as other objects, and have links.

use gevent::event::Event;
use gevent::subprocess::{Command, PIPE, Popen};
use gevent::{Linkable, iwait};

use super::common::{TestResult, show};

pub(crate) fn main() -> TestResult {
    let popen = |n| Popen::new(Command::shell(format!("read line; exit {n}")).stdin(PIPE));
    let popens: Vec<_> = (0..3).map(popen).collect::<Result<_, _>>()?;
    for popen in &popens {
        popen.rawlink(|popen: &Popen| println!("link: {}", show(popen.returncode())));
    }
    let event = Event::new();
    let objects: [&dyn Linkable; 4] = [&event, &popens[0], &popens[1], &popens[2]];
    let mut order = [Some(2), Some(0), None, Some(1)].into_iter();
    let mut end_next = || match order.next().expect("one is left") {
        None => event.set(),
        Some(n) => popens[n].stdin().expect("a pipe").close(),
    };
    end_next();
    for ready in iwait(objects)? {
        let ready = ready?;
        match popens.iter().find(|popen| ready.is(*popen)) {
            None => println!("ready: event"),
            Some(popen) => println!("ready: {}", show(popen.returncode())),
        }
        if popens.iter().any(|popen| popen.returncode().is_none()) {
            end_next();
        }
    }
    println!("wait: {}", gevent::wait(&popens)?.len());
    Ok(())
}

//! joinall returns the greenlets in the order of their ends, those that had ended before first.

use std::cell::OnceCell;
use std::rc::Rc;

use gevent::event::Event;
use gevent::{Exception, Greenlet, joinall, sleep, spawn};

use super::common::TestResult;

fn worker(name: &'static str, wait: impl FnOnce() -> TestResult) -> Result<&'static str, Exception> {
    wait()?;
    println!("{name} ends");
    Ok(name)
}

pub(crate) fn main() -> TestResult {
    let go_on = Event::new();
    let last: Rc<OnceCell<Greenlet<&str>>> = Rc::default();
    let (its, set) = (last.clone(), go_on.clone());
    let workers = [
        spawn(move || worker("a", || its.get().expect("it is there").join())),
        spawn(move || worker("b", || set.wait().map(drop))),
        spawn(|| worker("c", || sleep(0))),
        spawn(|| worker("d", || sleep(0.001))),
    ];
    last.set(workers[1].clone()).expect("it is empty");
    let show = |done: Vec<&Greenlet<&'static str>>| {
        let names: Vec<_> = done.iter().filter_map(|g| g.value()).collect();
        println!("{}", names.join(" "));
    };
    let [a, b, c, d] = &workers;
    d.join()?;
    c.join()?;
    go_on.set();
    show(joinall([a, b, c, d])?);
    println!("{}", joinall([] as [Greenlet<()>; 0])?.len());
    show(joinall([b, a, b])?);
    Ok(())
}

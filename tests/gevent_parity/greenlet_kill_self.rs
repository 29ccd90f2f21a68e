//! A greenlet may kill itself: the kill raises. A kill that does not wait raises in the next wait.

use std::cell::RefCell;
use std::rc::Rc;

use gevent::{Greenlet, GreenletExit, Kill, sleep, spawn};

use super::common::{TestResult, name};

fn kills(this: &Greenlet<()>, block: bool) -> TestResult {
    println!("begins");
    let killed: TestResult = (|| {
        this.kill_with(Kill {
            block,
            ..Kill::default()
        })?;
        println!("goes on");
        sleep(0)?;
        println!("never printed");
        Ok(())
    })();
    if let Err(error) = &killed
        && error.is::<GreenletExit>()
    {
        println!("out of it: {}", name(error));
    }
    println!("ends");
    killed
}

pub(crate) fn main() -> TestResult {
    for block in [true, false] {
        let this: Rc<RefCell<Option<Greenlet<()>>>> = Rc::default();
        let inside = this.clone();
        let g = spawn(move || match inside.take() {
            Some(this) => kills(&this, block),
            None => unreachable!("set before it runs"),
        });
        this.replace(Some(g.clone()));
        g.join()?;
        println!("block={block}: {}", g.successful());
    }
    Ok(())
}

//! Two greenlets kill each other; one greenlet kills all, itself among them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use gevent::{Greenlet, GreenletExit, joinall, killall, sleep, spawn};

use super::common::TestResult;

type Greenlets = Rc<RefCell<HashMap<&'static str, Greenlet<()>>>>;

/// Python's `finally`.
struct Ends(&'static str);

impl Drop for Ends {
    fn drop(&mut self) {
        println!("{} ends", self.0);
    }
}

fn killer(greenlets: &Greenlets, label: &'static str, other: &str) -> TestResult {
    let _ends = Ends(label);
    sleep(0)?;
    println!("{label} kills");
    let other = greenlets.borrow()[other].clone();
    other.kill()?;
    println!("{label} has killed");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let greenlets = Greenlets::default();
    for (label, other) in [("a", "b"), ("b", "a")] {
        let all = greenlets.clone();
        let g = spawn(move || killer(&all, label, other));
        greenlets.borrow_mut().insert(label, g);
    }
    let [a, b] = ["a", "b"].map(|label| greenlets.borrow()[label].clone());
    joinall([&a, &b])?;
    println!("{} {}", a.successful(), b.successful());

    let everybody: Rc<RefCell<Vec<Greenlet<()>>>> = Rc::default();
    let all = everybody.clone();
    let suicidal = move || {
        sleep(0)?;
        let all = all.take();
        match killall(&all) {
            Err(error) if error.is::<GreenletExit>() => {
                println!("by its own hand");
                Err(error)
            }
            other => {
                println!("not reached");
                other
            }
        }
    };
    let all = [spawn(|| sleep(100)), spawn(suicidal), spawn(|| sleep(100))];
    everybody.replace(all.to_vec());
    joinall(&all)?;
    let dead = all.map(|g| g.dead().to_string());
    println!("{}", dead.join(" "));
    Ok(())
}

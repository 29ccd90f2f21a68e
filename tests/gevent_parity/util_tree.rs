//! The shape of a tree of greenlets that wait, from several places.

use std::cell::RefCell;
use std::rc::Rc;

use gevent::util::GreenletTree;
use gevent::{Greenlet, sleep};

use super::common::TestResult;

/// The lines, of each greenlet only what it is. The hub has no fixed place.
fn shape(tree: &GreenletTree) {
    for line in tree.to_string().lines().filter(|line| !line.contains("<Hub")) {
        let (before, text) = line.split_once('<').unwrap_or_default();
        let rest = if line.ends_with("; not running") {
            "; not running"
        } else {
            ""
        };
        let name = text.split('"').nth(1).filter(|_| text.starts_with("Greenlet"));
        let what = name.unwrap_or("main");
        println!("{before}{what}{rest}");
    }
}

struct Plan(&'static str, Vec<Plan>);

fn spawn(Plan(name, children): Plan, all: &Rc<RefCell<Vec<Greenlet<()>>>>) {
    let its = all.clone();
    let run = move || {
        for child in children {
            spawn(child, &its);
        }
        sleep(100)
    };
    let g = Greenlet::builder().name(name).spawn(run);
    all.borrow_mut().push(g);
}

pub(crate) fn main() -> TestResult {
    let all_greenlets = Rc::default();
    let d = vec![Plan("c", vec![]), Plan("d", vec![])];
    spawn(Plan("a", vec![Plan("b", d), Plan("e", vec![])]), &all_greenlets);
    spawn(Plan("f", vec![]), &all_greenlets);
    println!("nobody has begun");
    shape(&GreenletTree::current_tree());
    for _ in 0..4 {
        sleep(0)?;
    }
    println!("all wait");
    shape(&GreenletTree::current_tree());
    println!("from inside");
    let asks = Greenlet::builder()
        .name("asks")
        .spawn(|| shape(&GreenletTree::current_tree()));
    asks.join()?;
    println!("{} tree", GreenletTree::forest().len());
    Ok(())
}

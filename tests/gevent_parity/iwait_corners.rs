//! iwait and wait with no objects, with too large a count, with one object twice, and with dead greenlets.

use std::rc::Rc;

use gevent::event::Event;
use gevent::{Exception, Greenlet, Linkable, Wait, get_hub, iwait_with, sleep, spawn, wait_with};

use super::common::TestResult;

/// An object to wait for, with its name.
type Named = (&'static str, Rc<dyn Linkable>);

#[derive(Debug, Clone)]
struct Object(Named);

impl Linkable for Object {
    fn ready(&self) -> bool {
        self.0.1.ready()
    }

    fn rawlink(&self, link: gevent::Link) {
        self.0.1.rawlink(link);
    }

    fn unlink(&self, link: &gevent::Link) {
        self.0.1.unlink(link);
    }
}

fn ends(n: &'static str) -> Result<&'static str, Exception> {
    sleep(0)?;
    Ok(n)
}

fn names(objects: impl IntoIterator<Item = Object>) -> String {
    let names: Vec<_> = objects.into_iter().map(|object| object.0.0).collect();
    match names.is_empty() {
        true => "nothing".to_owned(),
        false => names.join(" "),
    }
}

fn all(objects: &[&Object], timeout: Option<f64>, count: Option<usize>) -> Result<Vec<Object>, Exception> {
    iwait_with(
        objects.iter().map(|&object| object.clone()),
        Wait::default().timeout(timeout).count(count),
    )?
    .collect()
}

fn waited(objects: &[&Object], timeout: Option<f64>, count: Option<usize>) -> Result<Vec<Object>, Exception> {
    wait_with(
        objects.iter().map(|&object| object.clone()),
        Wait::default().timeout(timeout).count(count),
    )
}

fn spawned(label: &'static str) -> Object {
    let g: Greenlet<_> = spawn(move || ends(label));
    Object((label, Rc::new(g)))
}

pub(crate) fn main() -> TestResult {
    println!("{} {}", names(all(&[], None, None)?), names(waited(&[], None, None)?));
    let (a, b) = (spawned("a"), spawned("b"));
    println!("{}", names(all(&[&a, &b], None, Some(0))?));
    println!("{}", names(all(&[&a, &b], None, Some(5))?));
    println!("{}", names(all(&[&b, &a], None, None)?));
    let c = spawned("c");
    println!("{}", names(waited(&[&c, &c, &a], None, None)?));
    println!("{}", names(all(&[&c, &c], None, Some(1))?));
    let set = Rc::new(Event::new());
    let event = Object(("event", set.clone()));
    println!("{}", names(waited(&[&event, &a], Some(0.001), None)?));
    println!("{}", names(waited(&[&event, &a], None, Some(1))?));
    get_hub().loop_().run_callback(move || set.set())?;
    println!("{}", names(all(&[&event, &a, &event], None, None)?));
    println!("{}", names(all(&[&event], Some(0.0), None)?));
    Ok(())
}

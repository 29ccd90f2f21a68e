//! iwait and wait with no objects, with too large a count, with one object twice, and with dead greenlets.

use gevent::event::Event;
use gevent::{Exception, Linkable, Wait, get_hub, iwait, iwait_timeout, iwait_with, sleep, spawn};
use gevent::{wait, wait_timeout, wait_with};

use super::common::TestResult;

/// An object to wait for, with its name.
#[derive(Debug)]
struct Named(&'static str, Box<dyn Linkable>);

impl Linkable for Named {
    fn ready(&self) -> bool {
        self.1.ready()
    }

    fn rawlink(&self, link: gevent::Link) {
        self.1.rawlink(link);
    }

    fn unlink(&self, link: &gevent::Link) {
        self.1.unlink(link);
    }
}

fn ends(n: &'static str) -> Result<&'static str, Exception> {
    sleep(0)?;
    Ok(n)
}

fn names<'a>(objects: impl IntoIterator<Item = &'a Named>) -> String {
    let names: Vec<_> = objects.into_iter().map(|object| object.0).collect();
    match names.is_empty() {
        true => "nothing".to_owned(),
        false => names.join(" "),
    }
}

/// The names of what an `iwait` yields.
fn all<'a>(objects: impl Iterator<Item = Result<&'a Named, Exception>>) -> Result<String, Exception> {
    Ok(names(objects.collect::<Result<Vec<_>, _>>()?))
}

fn spawned(label: &'static str) -> Named {
    Named(label, Box::new(spawn(move || ends(label))))
}

pub(crate) fn main() -> TestResult {
    println!("{} {}", all(iwait([])?)?, names(wait([])?));
    let (a, b) = (spawned("a"), spawned("b"));
    println!("{}", all(iwait_with([&a, &b], Wait::default().count(0))?)?);
    println!("{}", all(iwait_with([&a, &b], Wait::default().count(5))?)?);
    println!("{}", all(iwait([&b, &a])?)?);
    let c = spawned("c");
    println!("{}", names(wait([&c, &c, &a])?));
    println!("{}", all(iwait_with([&c, &c], Wait::default().count(1))?)?);
    let set = Event::new();
    let event = Named("event", Box::new(set.clone()));
    println!("{}", names(wait_timeout([&event, &a], 0.001)?));
    println!("{}", names(wait_with([&event, &a], Wait::default().count(1))?));
    get_hub().loop_().run_callback(move || set.set())?;
    println!("{}", all(iwait([&event, &a, &event])?)?);
    println!("{}", all(iwait_timeout([&event], 0)?)?);
    Ok(())
}

//! A running program: its functions, greenlets and objects, and its log.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use gevent::core::Async;
use gevent::event::{AsyncResult, Event};
use gevent::hub::Waiter;
use gevent::lock::Semaphore;
use gevent::{AnyGreenlet, Context, Exception, Greenlet, Link, RawGreenlet, Timeout, get_hub};

/// The error with which steps fail on purpose.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("on purpose")]
pub(crate) struct Fail;

/// The result of a step without another one.
pub(crate) const DONE: &str = "done";

/// The objects that the greenlets of a program share. Python's `main` makes the same.
pub(crate) struct Objects {
    pub(crate) timeouts: [Timeout; 3],
    pub(crate) events: [Event; 2],
    pub(crate) semaphores: [Semaphore; 2],
    pub(crate) results: [AsyncResult<i32>; 2],
    pub(crate) waiters: [Waiter<i32>; 2],
    pub(crate) watchers: [Async; 2],
}

impl Objects {
    pub(crate) fn new() -> Result<Objects, Exception> {
        let hub = get_hub();
        let watcher = || hub.loop_().async_()?.with_ref(false);
        Ok(Objects {
            timeouts: [Timeout::new(0), Timeout::new(100).with_ref(false), Timeout::new(None)],
            events: [Event::new(), Event::new()],
            semaphores: [Semaphore::new(1), Semaphore::new(0)],
            results: [AsyncResult::new(), AsyncResult::new()],
            waiters: [Waiter::new(&hub), Waiter::new(&hub)],
            watchers: [watcher()?, watcher()?],
        })
    }
}

pub(crate) struct World {
    functions: BTreeMap<String, Vec<String>>,
    pub(crate) objects: Objects,
    pub(crate) greenlets: RefCell<BTreeMap<usize, Greenlet<i32>>>,
    pub(crate) raws: RefCell<HashMap<String, RawGreenlet>>,
    pub(crate) links: RefCell<HashMap<String, Vec<Link>>>,
    lines: RefCell<Vec<String>>,
    over: Cell<bool>,
}

/// The exception's name in gevent.
pub(crate) fn name(exception: &Exception) -> &'static str {
    match exception.type_name() {
        "TimeoutError" => "Timeout",
        "NotInHubError" | "TimeoutStartedError" => "AssertionError",
        name => name,
    }
}

/// The state of a greenlet: started, dead, ready and successful, perhaps whether there are links, and its error.
pub(crate) fn state(greenlet: &Greenlet<i32>, links: Option<bool>) -> String {
    let mut flags = vec![
        greenlet.started(),
        greenlet.dead(),
        greenlet.ready(),
        greenlet.successful(),
    ];
    flags.extend(links);
    let flags: String = flags.iter().map(|flag| if *flag { '+' } else { '-' }).collect();
    let error = greenlet.exception();
    format!("{flags} {}", error.as_ref().map_or("-", name))
}

impl World {
    pub(crate) fn new(functions: BTreeMap<String, Vec<String>>, objects: Objects) -> World {
        World {
            functions,
            objects,
            greenlets: RefCell::default(),
            raws: RefCell::default(),
            links: RefCell::default(),
            lines: RefCell::default(),
            over: Cell::new(false),
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.take()
    }

    pub(crate) fn log(&self, line: String) {
        if !self.over.get() {
            self.lines.borrow_mut().push(line);
        }
    }

    pub(crate) fn run(self: &Rc<Self>, who: &str) -> Result<i32, Exception> {
        for step in &self.functions[who] {
            let may_fail = !step.starts_with('~');
            match self.act(who, step.trim_start_matches('~')) {
                Ok(done) if done == "return" => break,
                Err(error) if !may_fail || ["fail", "exit"].contains(&&**step) => {
                    return Err(error);
                }
                _ => {}
            }
        }
        Ok(0)
    }

    /// Does a step, and logs its begin and its end. Python's `do`.
    pub(crate) fn act(self: &Rc<Self>, who: &str, step: &str) -> Result<String, Exception> {
        let begin = format!("{who}: {step}");
        self.log(begin.clone());
        let done = self.step(step);
        let how = done.as_ref().map_or_else(|error| name(error), String::as_str);
        // If no other line came between, begin and end are one line.
        if !self.over.get() && self.lines.borrow().last() == Some(&begin) {
            self.lines.borrow_mut().pop();
        }
        self.log(format!("{begin} -> {how}"));
        done
    }

    pub(crate) fn step(self: &Rc<Self>, step: &str) -> Result<String, Exception> {
        let words: Vec<&str> = step.split(' ').collect();
        match self.greenlet_step(&words)? {
            Some(done) => Ok(done),
            None => self.object_step(&words),
        }
    }

    pub(crate) fn greenlet(self: &Rc<Self>, number: &str) -> Greenlet<i32> {
        let key = number.parse().expect("a greenlet's number");
        if let Some(known) = self.greenlets.borrow().get(&key) {
            return known.clone();
        }
        let (world, who) = (self.clone(), number.to_owned());
        let greenlet = Greenlet::new(move || world.run(&who));
        self.greenlets.borrow_mut().insert(key, greenlet.clone());
        greenlet
    }

    pub(crate) fn number(&self, wanted: &AnyGreenlet) -> Option<usize> {
        let greenlets = self.greenlets.borrow();
        let mut known = greenlets.iter();
        known.find_map(|(number, greenlet)| (greenlet.any() == *wanted).then_some(*number))
    }

    /// Logs an error that no caller takes: Python's `handle_error`.
    fn report(&self, context: Context<'_>, exception: &Exception) {
        let whose = match context {
            Context::Greenlet(greenlet) => AnyGreenlet::of(greenlet),
            Context::Link { source, .. } => source.downcast_ref().cloned(),
            _ => None,
        };
        let whose = whose.and_then(|greenlet| self.number(&greenlet));
        let whose = whose.map_or("-".to_owned(), |number| number.to_string());
        self.log(format!("report {whose} {}", name(exception)));
    }

    pub(crate) fn main(self: &Rc<Self>) {
        let (hub, world) = (get_hub(), self.clone());
        let handler = move |context: Context<'_>, exception: Exception| {
            world.report(context, &exception);
        };
        hub.set_error_handler(Some(Rc::new(handler)));
        // Its result is in the log.
        let _ = self.run("main");
        for _ in 0..3 {
            match hub.join() {
                Ok(_) => break,
                Err(error) => self.log(format!("join {}", name(&error))),
            }
        }
        for (number, greenlet) in &*self.greenlets.borrow() {
            self.log(format!("end {number} {}", state(greenlet, None)));
        }
        self.over.set(true);
        hub.set_error_handler(Some(Rc::new(|_: Context<'_>, _| ())));
        drop((self.greenlets.take(), self.raws.take(), self.links.take()));
    }
}

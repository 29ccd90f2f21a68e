//! The steps of greenlets with the objects that they share. Its counterpart is `object_step` in interpret.py.

use std::rc::Rc;

use gevent::core::Async;
use gevent::event::AsyncResult;
use gevent::hub::wait_on_watcher;
use gevent::{Exception, Timeout, get_hub, with_timeout};

use crate::world::{DONE, Fail, World};

/// The object with this number.
fn of<'a, T>(objects: &'a [T], number: &str) -> &'a T {
    &objects[number.parse::<usize>().expect("an object's number")]
}

/// A truth value as Python writes it.
fn truth(value: bool) -> Result<String, Exception> {
    Ok(if value { "True" } else { "False" }.to_owned())
}

impl World {
    pub(crate) fn result(&self, number: &str) -> &AsyncResult<i32> {
        of(&self.objects.results, number)
    }

    pub(crate) fn object_step(self: &Rc<Self>, words: &[&str]) -> Result<String, Exception> {
        let all = &self.objects;
        let watcher = |number| -> &Async { of(&all.watchers, number) };
        let late = || "late".to_owned();
        match words {
            ["start", k] => of(&all.timeouts, k).start()?,
            ["cancel", k] => of(&all.timeouts, k).cancel(),
            ["silent", rest @ ..] => {
                let done = Timeout::new(0).silent(|| self.step(&rest.join(" ")))?;
                return Ok(done.unwrap_or_else(late));
            }
            ["limited", rest @ ..] => {
                return with_timeout(0, || self.step(&rest.join(" ")), late());
            }
            ["unlimited", rest @ ..] => {
                return Timeout::new(None).with(|| self.step(&rest.join(" ")));
            }
            ["set", k] => of(&all.events, k).set(),
            ["clear", k] => of(&all.events, k).clear(),
            ["wait", k] => return truth(of(&all.events, k).wait()?),
            ["wait0", k] => return truth(of(&all.events, k).wait_timeout(0)?),
            ["acquire", k] => of(&all.semaphores, k).acquire().map(drop)?,
            ["acquire0", k] => return truth(of(&all.semaphores, k).acquire_timeout(0)?),
            ["tryacquire", k] => return truth(of(&all.semaphores, k).try_acquire()),
            ["release", k] => drop(of(&all.semaphores, k).release()),
            ["put", k] => self.result(k).set(5),
            ["putfail", k] => self.result(k).set_exception(Fail),
            ["result", k] => return Ok(self.result(k).get()?.to_string()),
            ["wget", k] => return Ok(of(&all.waiters, k).get()?.to_string()),
            ["wswitch", k] => of(&all.waiters, k).switch(3)?,
            ["wthrow", k] => of(&all.waiters, k).throw(Fail)?,
            ["timer"] => {
                let timer = get_hub().loop_().timer(0.0)?;
                get_hub().wait(&timer)?;
            }
            ["watch", k] => get_hub().wait(watcher(k))?,
            ["watch0", k] => wait_on_watcher(watcher(k), (0, Fail))?,
            ["send", k] => watcher(k).send()?,
            ["cancelwait", k] => get_hub().cancel_wait(watcher(k), Fail, false)?,
            _ => panic!("no step: {words:?}"),
        }
        Ok(DONE.to_owned())
    }
}

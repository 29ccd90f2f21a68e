//! The steps of greenlets with each other. Their counterpart is `greenlet_step` in interpret.py.

use std::rc::Rc;

use gevent::{
    Exception, Greenlet, GreenletExit, JoinAll, Kill, RawGreenlet, get_hub, getcurrent, idle, iwait, joinall,
    joinall_timeout, joinall_with, kill, killall, killall_with, sleep, spawn_raw,
};

use crate::world::{DONE, Fail, World, state};

fn soon() -> Kill {
    Kill::default().nonblocking()
}

fn at_once() -> Kill {
    Kill::default().timeout(0.0)
}

fn with_fail() -> Kill {
    Kill::with(Fail)
}

impl World {
    /// Does a step, and returns its result; None if it is not a step of this kind.
    pub(crate) fn greenlet_step(self: &Rc<Self>, words: &[&str]) -> Result<Option<String>, Exception> {
        let g = |number| self.greenlet(number);
        match words {
            ["sleep"] => sleep(0)?,
            ["idle", priority] => idle(priority.parse().expect("a number"))?,
            ["fail"] => return Err(Fail.into()),
            ["exit"] => return Err(GreenletExit.into()),
            ["return"] => return Ok(Some("return".to_owned())),
            ["hubswitch"] => drop(get_hub().switch()?),
            ["callback", rest @ ..] => {
                let (world, step) = (self.clone(), rest.join(" "));
                let call = move || world.act("callback", &step).map(drop);
                get_hub().loop_().run_callback(call)?;
            }
            ["spawn", n] => g(n).start()?,
            ["later", n] => g(n).start_later(0)?,
            ["join", n] => g(n).join()?,
            ["join0", n] => g(n).join_timeout(0)?,
            ["get", n] => return Ok(Some(g(n).get()?.to_string())),
            ["getnow", n] => return Ok(Some(g(n).get_nowait()?.to_string())),
            ["kill", n] => g(n).kill()?,
            ["kill0", n] => drop(g(n).kill_with(at_once())?),
            ["killsoon", n] => drop(g(n).kill_with(soon())?),
            ["killwith", n] => drop(g(n).kill_with(with_fail())?),
            ["killwithsoon", n] => {
                let exception = Fail.into();
                g(n).kill_with(Kill { exception, ..soon() })?;
            }
            ["gkill", n] => kill(&g(n), GreenletExit)?,
            ["killself"] => {
                let me = getcurrent();
                let greenlet = self.greenlets.borrow().values().find(|g| *g.raw() == me).cloned();
                greenlet.map_or(Ok(()), |greenlet| greenlet.kill())?;
            }
            ["throw", n] => drop(g(n).throw(Fail)?),
            ["throwexit", n] => drop(g(n).throw(GreenletExit)?),
            ["state", n] => return Ok(Some(state(&g(n), Some(g(n).has_links())))),
            ["ident", n] => return Ok(Some(g(n).minimal_ident().to_string())),
            ["raw", k] => self.spawn_raw(k)?,
            ["rawkill", k] => self.kill_raw(k, GreenletExit.into())?,
            ["rawkillwith", k] => self.kill_raw(k, Fail.into())?,
            _ if words[0].contains("link") || words[0] == "rawop" => self.link_step(words),
            _ => return self.many_step(words),
        }
        Ok(Some(DONE.to_owned()))
    }

    fn spawn_raw(self: &Rc<Self>, key: &str) -> Result<(), Exception> {
        if !self.raws.borrow().contains_key(key) {
            let (world, who) = (self.clone(), format!("raw{key}"));
            let raw = spawn_raw(move || world.run(&who).map(drop))?;
            self.raws.borrow_mut().insert(key.to_owned(), raw);
        }
        Ok(())
    }

    fn kill_raw(&self, key: &str, exception: Exception) -> Result<(), Exception> {
        let raw: Option<RawGreenlet> = self.raws.borrow().get(key).cloned();
        raw.map_or(Ok(()), |raw| kill(&raw, exception))
    }

    fn link_step(self: &Rc<Self>, words: &[&str]) {
        let greenlet = self.greenlet(words[1]);
        let doing = |who: &'static str, step: String| {
            let world = self.clone();
            move |_: &Greenlet<i32>| world.act(who, &step).map(drop)
        };
        let logging = || {
            let (world, line) = (self.clone(), words.join(" "));
            move |ended: &Greenlet<i32>| world.log(format!("{line} {}", state(ended, None)))
        };
        let link = match words {
            ["link", _] => greenlet.link(logging()),
            ["rawlink", _] => greenlet.rawlink(logging()),
            ["linkvalue", _] => greenlet.link_value(logging()),
            ["linkexception", _] => greenlet.link_exception(logging()),
            ["linkfail", _] => greenlet.link(doing("link", "fail".to_owned())),
            ["linkop", _, rest @ ..] => greenlet.link(doing("link", rest.join(" "))),
            ["rawop", _, rest @ ..] => greenlet.rawlink(doing("rawlink", rest.join(" "))),
            ["linkresult", _, k] => {
                greenlet.link(self.result(k).as_link());
                return;
            }
            ["unlink", n] => {
                let last = self.links.borrow_mut().get_mut(*n).and_then(Vec::pop);
                return last.iter().for_each(|link| greenlet.unlink(link));
            }
            ["unlinkall", _] => return greenlet.unlink_all(),
            _ => panic!("no step: {words:?}"),
        };
        let mut links = self.links.borrow_mut();
        links.entry(words[1].to_owned()).or_default().push(link);
    }

    fn many_step(self: &Rc<Self>, words: &[&str]) -> Result<Option<String>, Exception> {
        let Some((kind, numbers)) = words.split_first() else {
            return Ok(None);
        };
        let all = || numbers.iter().map(|number| self.greenlet(number));
        let done = match *kind {
            "joinall" => joinall(all())?,
            "joinall0" => joinall_timeout(all(), 0)?,
            "joinfirst" => {
                let count = Some(1);
                joinall_with(
                    all(),
                    JoinAll {
                        count,
                        ..JoinAll::default()
                    },
                )?
            }
            "joinraise" => {
                let raise_error = true;
                joinall_with(
                    all(),
                    JoinAll {
                        raise_error,
                        ..JoinAll::default()
                    },
                )?
            }
            "iwaitfirst" => iwait(all())?.take(1).collect::<Result<_, Exception>>()?,
            "iwait" => {
                for ready in iwait(all())? {
                    self.log(format!("ready {}", self.numbers(&[ready?])));
                    sleep(0)?;
                }
                return Ok(Some(DONE.to_owned()));
            }
            "killall" | "killallsoon" | "killall0" => {
                match *kind {
                    "killall" => killall(all())?,
                    "killallsoon" => killall_with(all(), soon())?,
                    _ => killall_with(all(), at_once())?,
                }
                return Ok(Some(DONE.to_owned()));
            }
            _ => return Ok(None),
        };
        Ok(Some(self.numbers(&done)))
    }

    fn numbers(&self, greenlets: &[Greenlet<i32>]) -> String {
        let numbers = greenlets.iter().filter_map(|greenlet| self.number(&greenlet.any()));
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
    }
}

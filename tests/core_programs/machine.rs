//! [`Machine`] performs programs on `hub::core`; [`CMachine`] is the handle of machine.c, which does the same on libev.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use greenlet_core::Exception;
use hub::core::{Async, Break, Callback, Error, Events, Loop, LoopFlags, Timer, Watcher};

use crate::program::{After, Op, RawOp, Repeat, Slot};

type TestResult<T = ()> = Result<T, Exception>;

const NAMES: [&str; 13] = [
    "alarm", "timer1", "timer2", "timer3", "timer4", "read", "write", "both", "other", "idle", "prepare", "check",
    "async",
];
const ALARM: Slot = 0;
const FIRST_TIMER: Slot = 1;
const MOST_QUEUED: usize = 400;
const FUEL: u32 = 12;
const MOST_DEPTH: u32 = 3;

/// The times of a timer. Each timer has its own, so that the order in which they are due does not depend on the speed
/// of the machine; only the first one may be due in each iteration.
fn times(slot: Slot, after: After, repeat: Repeat) -> (f64, f64) {
    let after = match after {
        After::Past => -10.0 * slot as f64,
        After::Never => 1e6,
    };
    let repeat = match repeat {
        Repeat::Once => 0.0,
        Repeat::EachIteration if slot == FIRST_TIMER => 1e-9,
        _ => 1e6,
    };
    (after, repeat)
}

/// The machine on `hub::core`.
pub(crate) struct Machine(Rc<State>);

struct State {
    loop_: Loop,
    alarm: Async,
    timers: Vec<Timer>,
    async_: Async,
    /// All watchers, by their numbers.
    watchers: Vec<Watcher>,
    /// The pairs of a near and a far end.
    pairs: [(UnixStream, UnixStream); 2],
    reactions: RefCell<Vec<Op>>,
    callbacks: RefCell<Vec<Callback>>,
    refs: Cell<u32>,
    fuel: Cell<u32>,
    text: RefCell<String>,
}

impl Machine {
    pub(crate) fn new(backend: LoopFlags) -> TestResult<Machine> {
        let loop_ = Loop::new(backend, false)?;
        let alarm = loop_.async_()?;
        let timers = (FIRST_TIMER..=4)
            .map(|slot| {
                let (after, repeat) = times(slot, After::Past, Repeat::Once);
                loop_.timer_repeat(after, repeat)
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let pairs = [UnixStream::pair()?, UnixStream::pair()?];
        for (near, far) in &pairs {
            near.set_nonblocking(true)?;
            far.set_nonblocking(true)?;
        }
        let async_ = loop_.async_()?;
        let mut watchers: Vec<Watcher> = vec![alarm.clone().into()];
        watchers.extend(timers.iter().cloned().map(Watcher::from));
        for (pair, events) in [
            (0, Events::READ),
            (0, Events::WRITE),
            (0, Events::READWRITE),
            (1, Events::READ),
        ] {
            watchers.push(loop_.io(pairs[pair].0.as_raw_fd(), events)?.into());
        }
        watchers.push(loop_.idle()?.into());
        watchers.push(loop_.prepare()?.into());
        watchers.push(loop_.check()?.into());
        watchers.push(async_.clone().into());
        Ok(Machine(Rc::new(State {
            reactions: RefCell::new(vec![Op::Nothing; watchers.len()]),
            loop_,
            watchers,
            alarm,
            timers,
            async_,
            pairs,
            callbacks: RefCell::default(),
            refs: Cell::new(0),
            fuel: Cell::new(0),
            text: RefCell::default(),
        })))
    }

    /// Performs one operation and gives an account of it.
    pub(crate) fn step(&self, op: &Op) -> TestResult<String> {
        let state = &self.0;
        state.fuel.set(FUEL);
        if let Op::React(slot, reaction) = op {
            state.reactions.borrow_mut()[*slot] = (**reaction).clone();
        } else {
            state.perform(op)?;
        }
        state.say_with_state("done")?;
        Ok(state.text.take())
    }
}

impl Drop for Machine {
    /// The callbacks hold the state, and are dropped with the loop.
    fn drop(&mut self) {
        self.0.callbacks.take();
        if let Err(error) = self.0.loop_.destroy() {
            eprintln!("{error}");
        }
    }
}

impl State {
    fn say(&self, text: &str) {
        let mut account = self.text.borrow_mut();
        account.push_str(text);
        account.push('\n');
    }

    fn say_with_state(&self, what: &str) -> TestResult {
        let mut line = what.to_owned();
        write!(
            line,
            "  iteration={} active={} pending={} depth={} :",
            self.loop_.iteration()?,
            self.loop_.activecnt()?,
            self.loop_.pendingcnt()?,
            self.loop_.depth()?
        )?;
        for (name, watcher) in NAMES.iter().zip(&self.watchers) {
            let active = if watcher.active() { "+" } else { "" };
            let pending = if watcher.pending() { "!" } else { "" };
            write!(line, " {name}{}{active}{pending}", watcher.priority())?;
        }
        self.say(&line);
        Ok(())
    }

    fn timer(&self, slot: Slot) -> &Timer {
        &self.timers[slot - FIRST_TIMER]
    }

    fn react(self: &Rc<Self>, slot: Slot) -> TestResult {
        if self.fuel.get() == 0 {
            return Ok(());
        }
        self.fuel.set(self.fuel.get() - 1);
        let reaction = self.reactions.borrow()[slot].clone();
        self.perform(&reaction)
    }

    fn fired(self: &Rc<Self>, slot: Slot, events: Events) -> TestResult {
        let bits = events.bits();
        let prefix = if bits == 0 { "" } else { "0x" };
        self.say_with_state(&format!("{}({prefix}{bits:x})", NAMES[slot]))?;
        if slot == ALARM {
            self.loop_.break_(Break::One)?;
            return Ok(self.alarm.send()?);
        }
        self.react(slot)
    }

    fn callback(self: &Rc<Self>, slot: Slot) -> impl Fn(Events) -> TestResult + 'static {
        let this = self.clone();
        move |events| this.fired(slot, events)
    }

    fn start(self: &Rc<Self>, slot: Slot) -> TestResult {
        Ok(self.watchers[slot].start_pass_events(self.callback(slot))?)
    }

    /// An error that refuses an operation on a watcher in use is part of the account; other errors are not expected.
    fn refused(&self, result: Result<(), Error>) -> TestResult {
        match result {
            Err(Error::WatcherInUse(_)) => {
                self.say("refused");
                Ok(())
            }
            result => Ok(result?),
        }
    }

    fn ran(&self, more: Result<bool, Error>) -> TestResult {
        self.say(&format!("ran: {}", i32::from(more?)));
        Ok(())
    }

    fn run_guarded(self: &Rc<Self>, run: impl FnOnce(&Loop) -> Result<bool, Error>) -> TestResult {
        if self.loop_.depth()? > 0 {
            return Ok(());
        }
        self.start(ALARM)?;
        self.alarm.send()?;
        self.ran(run(&self.loop_))?;
        Ok(self.watchers[ALARM].stop()?)
    }

    fn perform(self: &Rc<Self>, op: &Op) -> TestResult {
        match *op {
            Op::Start(slot) => self.start(slot)?,
            Op::Stop(slot) => self.watchers[slot].stop()?,
            Op::Close(slot) => self.watchers[slot].close()?,
            Op::Feed(slot, revents) => {
                self.watchers[slot].feed_pass_events(Events::from_bits(revents), self.callback(slot))?
            }
            Op::Again(slot) => {
                let callback = self.callback(slot);
                self.timer(slot).again_update(false, move || callback(Events::TIMER))?;
            }
            Op::SetTimes(slot, after, repeat) => {
                let (after, repeat) = times(slot, after, repeat);
                self.refused(self.timer(slot).set(after, repeat))?;
            }
            Op::SetRef(slot, ref_) => self.watchers[slot].set_ref(ref_)?,
            Op::SetPriority(slot, priority) => {
                self.refused(self.watchers[slot].set_priority(priority))?;
            }
            Op::React(..) | Op::Nothing => {}
            Op::Put(pair) => (&self.pairs[pair].1).write_all(b"x")?,
            Op::Get(pair) => {
                let got = (&self.pairs[pair].0).read(&mut [0]);
                self.say(&format!("got {}", got.map_or(-1, |n| n as i64)));
            }
            Op::Send => self.async_.send()?,
            Op::RunNowait => {
                if self.loop_.depth()? < MOST_DEPTH {
                    self.ran(self.loop_.run_nowait())?;
                }
            }
            Op::RunOnce => self.run_guarded(Loop::run_once)?,
            Op::Run => self.run_guarded(Loop::run)?,
            Op::Break(how) => self.loop_.break_(match how {
                0 => Break::Cancel,
                1 => Break::One,
                _ => Break::All,
            })?,
            Op::Queue(slot) => self.queue(slot)?,
            Op::StopQueued(index) => {
                let callbacks = self.callbacks.borrow();
                if !callbacks.is_empty() {
                    callbacks[index % callbacks.len()].stop();
                }
            }
            Op::Ref => {
                self.refs.set(self.refs.get() + 1);
                self.loop_.ref_()?;
            }
            Op::Unref => {
                if self.refs.get() > 0 {
                    self.refs.set(self.refs.get() - 1);
                    self.loop_.unref()?;
                }
            }
            Op::Verify => self.loop_.verify()?,
        }
        Ok(())
    }

    fn queue(self: &Rc<Self>, slot: Slot) -> TestResult {
        let number = self.callbacks.borrow().len();
        if number < MOST_QUEUED {
            let this = self.clone();
            let callback = self.loop_.run_callback(move || {
                this.say_with_state(&format!("callback {number}"))?;
                this.react(slot)
            })?;
            self.callbacks.borrow_mut().push(callback);
        }
        Ok(())
    }
}

/// The machine on libev.
pub(crate) struct CMachine(*mut RawMachine);

#[repr(C)]
struct RawMachine {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn machine_new(backend: u32) -> *mut RawMachine;
    fn machine_step(machine: *mut RawMachine, op: RawOp, reaction: RawOp) -> *const c_char;
    fn machine_free(machine: *mut RawMachine);
}

impl CMachine {
    pub(crate) fn new(backend: LoopFlags) -> CMachine {
        // SAFETY: no preconditions; the function ends the process if it cannot make a machine.
        CMachine(unsafe { machine_new(backend.bits()) })
    }

    /// Performs one operation and gives an account of it.
    pub(crate) fn step(&self, op: &Op) -> String {
        // SAFETY: the machine lives until `drop`; the text ends with NUL, and lives until the next step.
        unsafe { CStr::from_ptr(machine_step(self.0, op.raw(), op.raw_reaction())) }
            .to_string_lossy()
            .into_owned()
    }
}

impl Drop for CMachine {
    fn drop(&mut self) {
        // SAFETY: `new` has made the machine, which is freed only here.
        unsafe { machine_free(self.0) }
    }
}

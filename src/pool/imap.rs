//! [`IMap`] and [`IMapUnordered`]: iterators over the values of tasks, which are greenlets or
//! threads. Source: gevent's `_imap.py`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::iter::FusedIterator;
use std::rc::Rc;

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{Exception, GreenletExit};

use super::wanted::{Starting, Wanted};
use crate::greenlet::Greenlet;
use crate::lock::Semaphore;
use crate::queue::SimpleQueue;

/// The iterator of [`imap_unordered`](super::Group::imap_unordered), which yields the values as
/// they come.
///
/// A separate greenlet starts the tasks. When the iterator is dropped, that greenlet ends: tasks
/// that run go on, but no others begin. The same happens when an exception is thrown into the
/// greenlet that waits for the next value: the iterator yields the exception and is over.
pub struct IMapUnordered<T: 'static> {
    state: Rc<ImapState<T>>,
    /// The greenlet that starts the tasks.
    starting: Starting<()>,
    over: bool,
}

struct ImapState<T: 'static> {
    arrivals: SimpleQueue<Arrival<T>>,
    /// Limits how many values are made ahead: acquired for each task, released for each value that
    /// is asked for. `None` without a `maxsize`, and when all tasks are started.
    results: RefCell<Option<Semaphore>>,
    outstanding: Cell<usize>,
    started: Cell<usize>,
    all_started: Cell<bool>,
    finished: Cell<bool>,
    wanted: Wanted,
}

enum Arrival<T> {
    /// The result of the task with this number.
    Value(usize, Result<T, Exception>),
    /// Nothing comes after this many values, and if there is an exception, because of it.
    End(usize, Option<Exception>),
}

impl<T: 'static> IMapUnordered<T> {
    /// Makes the iterator, and spawns the greenlet that calls `start_task` for each item. That
    /// starts a task, which reports its end.
    #[track_caller]
    pub(crate) fn spawn<I>(
        iterable: I,
        maxsize: Option<usize>,
        start_task: impl Fn(I::Item, Report<T>) -> Result<(), Exception> + 'static,
    ) -> Self
    where
        I: IntoIterator<Item: 'static> + 'static,
    {
        // `usize::MAX` is as good as no limit, and the semaphore could not be released once more.
        let maxsize = maxsize.filter(|size| !matches!(*size, 0 | usize::MAX));
        let state = Rc::new(ImapState {
            arrivals: SimpleQueue::new(),
            results: RefCell::new(maxsize.map(Semaphore::new)),
            outstanding: Cell::new(0),
            started: Cell::new(0),
            all_started: Cell::new(false),
            finished: Cell::new(false),
            wanted: Wanted::new(),
        });
        let its = state.clone();
        let starter = crate::spawn(move || {
            let started = catch(|| its.start_all(iterable, start_task));
            drop(its.results.take());
            match started {
                Ok(Ok(())) => {
                    its.all_started(None);
                    Ok(())
                }
                Ok(Err(exception)) | Err(Caught::Panic(exception)) => {
                    its.all_started(Some(exception.clone()));
                    Err(exception)
                }
                Err(Caught::Forced(unwind)) => unwind.resume(),
            }
        });
        let its = Rc::downgrade(&state);
        starter.rawlink(move |starter| {
            if let Some(state) = its.upgrade()
                && !state.all_started.get()
            {
                // The starter was killed, or could not even begin, so it has not put the end into
                // the queue.
                let exit = || Exception::new(GreenletExit);
                state.all_started(Some(starter.exception().unwrap_or_else(exit)));
            }
        });
        let wanted = state.wanted.clone();
        IMapUnordered {
            state,
            starting: Starting::new(starter, wanted),
            over: false,
        }
    }

    /// The greenlet that starts the tasks.
    pub fn greenlet(&self) -> &Greenlet<()> {
        &self.starting.starter
    }

    #[track_caller]
    fn arrival(&self) -> Result<Arrival<T>, Exception> {
        self.state.arrivals.get()
    }

    /// Allows one more task. Returns the semaphore, for [`give_up`](Self::give_up).
    fn ask(&self) -> Option<Semaphore> {
        let results = self.state.results.borrow().clone();
        if let Some(results) = &results {
            results.release();
        }
        results
    }

    /// Ends the iterator after its wait has failed: takes back what [`ask`](Self::ask) has allowed,
    /// and has no more tasks started.
    fn give_up(&mut self, asked: Option<Semaphore>) {
        self.over = true;
        asked.map(|results| results.try_acquire());
        self.starting.stop();
    }
}

impl<T: 'static> ImapState<T> {
    fn start_all<I: IntoIterator>(
        self: &Rc<Self>,
        iterable: I,
        start_task: impl Fn(I::Item, Report<T>) -> Result<(), Exception>,
    ) -> Result<(), Exception> {
        for item in iterable {
            self.wanted.check()?;
            let results = self.results.borrow().clone();
            if let Some(results) = results {
                results.acquire()?;
            }
            let report = Report {
                state: self.clone(),
                index: self.started.get(),
            };
            start_task(item, report)?;
            self.outstanding.set(self.outstanding.get() + 1);
            self.started.set(self.started.get() + 1);
        }
        Ok(())
    }

    fn all_started(&self, exception: Option<Exception>) {
        self.all_started.set(true);
        // This cannot fail: the queue has no limit and is not shut down.
        let _ = self.end_if_done(exception);
    }

    fn end_if_done(&self, exception: Option<Exception>) -> Result<(), Exception> {
        let done = exception.is_some() || self.outstanding.get() == 0;
        if done && !self.finished.replace(true) {
            let end = Arrival::End(self.started.get(), exception);
            self.arrivals.put(end)?;
        }
        Ok(())
    }
}

/// The way by which the end of one task is reported.
pub(crate) struct Report<T: 'static> {
    state: Rc<ImapState<T>>,
    index: usize,
}

impl<T: 'static> Report<T> {
    /// The flag by which the task sees whether its value is still wanted.
    pub(crate) fn wanted(&self) -> Wanted {
        self.state.wanted.clone()
    }

    /// Reports the end of the task. To be called once, in the hub.
    pub(crate) fn ended(&self, value: Result<T, Exception>) -> Result<(), Exception> {
        let state = &self.state;
        state.outstanding.set(state.outstanding.get() - 1);
        state.arrivals.put(Arrival::Value(self.index, value))?;
        if state.all_started.get() {
            state.end_if_done(None)?;
        }
        Ok(())
    }
}

impl<T: 'static> Iterator for IMapUnordered<T> {
    type Item = Result<T, Exception>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let asked = self.ask();
        match self.arrival() {
            Ok(Arrival::Value(_, value)) => Some(value),
            Ok(Arrival::End(_, exception)) => {
                self.over = true;
                exception.map(Err)
            }
            Err(exception) => {
                self.give_up(asked);
                Some(Err(exception))
            }
        }
    }
}

impl<T: 'static> FusedIterator for IMapUnordered<T> {}

impl<T: 'static> fmt::Debug for IMapUnordered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outstanding = self.state.outstanding.get();
        write!(
            f,
            "<IMapUnordered {:?} outstanding={outstanding}>",
            self.starting.starter
        )
    }
}

/// The iterator of [`imap`](super::Group::imap), which yields the values in the order of the items.
///
/// Its tasks are started and end in the same way as those of [`IMapUnordered`].
pub struct IMap<T: 'static> {
    values: IMapUnordered<T>,
    /// The values that have come before their turn.
    early: BTreeMap<usize, Result<T, Exception>>,
    /// How many values there are, and the exception that comes after them, once this is known.
    end: Option<(usize, Option<Exception>)>,
    index: usize,
}

impl<T: 'static> IMap<T> {
    pub(crate) fn new(values: IMapUnordered<T>) -> Self {
        IMap {
            values,
            early: BTreeMap::new(),
            end: None,
            index: 0,
        }
    }

    /// The greenlet that starts the tasks.
    pub fn greenlet(&self) -> &Greenlet<()> {
        self.values.greenlet()
    }

    #[track_caller]
    fn arrival(&mut self) -> Result<Option<Result<T, Exception>>, Exception> {
        loop {
            if let Some(value) = self.early.remove(&self.index) {
                self.index += 1;
                return Ok(Some(value));
            }
            if let Some((_, exception)) = self.end.take_if(|(index, _)| *index == self.index) {
                self.values.over = true;
                return Ok(exception.map(Err));
            }
            match self.values.arrival()? {
                Arrival::Value(index, value) => drop(self.early.insert(index, value)),
                Arrival::End(index, exception) => self.end = Some((index, exception)),
            }
        }
    }
}

impl<T: 'static> Iterator for IMap<T> {
    type Item = Result<T, Exception>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        if self.values.over {
            return None;
        }
        let asked = self.values.ask();
        match self.arrival() {
            Ok(value) => value,
            Err(exception) => {
                self.values.give_up(asked);
                Some(Err(exception))
            }
        }
    }
}

impl<T: 'static> FusedIterator for IMap<T> {}

impl<T: 'static> fmt::Debug for IMap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<IMap {:?} index={}>", self.values, self.index)
    }
}

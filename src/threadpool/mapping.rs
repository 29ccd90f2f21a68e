//! The methods of [`ThreadPool`] that apply functions to items: `apply`, `map`, `imap` and their
//! variants. Source: `GroupMappingMixin` in gevent's `pool.py`, as its `ThreadPool` uses it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use greenlet_core::Exception;

use super::pool::ThreadPool;
use crate::event::Event;
use crate::greenlet::Greenlet;
use crate::outcome::Outcome;
use crate::pool::{IMap, IMapUnordered, Starting, Wanted};

/// The result of one task, which one greenlet waits for and takes.
struct Delivery<T> {
    slot: Rc<RefCell<Option<Result<T, Exception>>>>,
    there: Event,
}

impl<T: Send + 'static> Delivery<T> {
    #[track_caller]
    fn of<R: Outcome<Value = T>>(
        pool: &ThreadPool,
        function: impl FnOnce() -> R + Send + 'static,
    ) -> Result<Self, Exception> {
        let (slot, there) = (Rc::new(RefCell::new(None)), Event::new());
        let (its, set) = (slot.clone(), there.clone());
        pool.spawn_for(function, move |ended| {
            its.replace(Some(ended));
            set.set();
            Ok(())
        })?;
        Ok(Delivery { slot, there })
    }

    #[track_caller]
    fn take(self) -> Result<T, Exception> {
        self.there.wait()?;
        let ended = self.slot.take();
        ended.unwrap_or_else(|| Err(crate::timeout::expired(None)))
    }
}

impl ThreadPool {
    /// Has a thread call `function` and returns its value.
    ///
    /// # Errors
    /// The error of `function`; any exception that is thrown into the current greenlet meanwhile:
    /// the thread goes on then.
    #[track_caller]
    pub fn apply<R: Outcome<Value: Send>>(
        &self,
        function: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R::Value, Exception> {
        Delivery::of(self, function)?.take()
    }

    /// [`apply`](ThreadPool::apply) that also calls `callback` with the value, in the current
    /// greenlet.
    ///
    /// # Errors
    /// As for `apply`; the error of `callback`.
    #[track_caller]
    pub fn apply_cb<R: Outcome<Value: Send>, C: Outcome>(
        &self,
        function: impl FnOnce() -> R + Send + 'static,
        callback: impl FnOnce(&R::Value) -> C,
    ) -> Result<R::Value, Exception> {
        let value = self.apply(function)?;
        callback(&value).into_result()?;
        Ok(value)
    }

    /// [`apply`](ThreadPool::apply) that does not wait: it returns a greenlet that does, and whose
    /// value is that of `function`.
    #[track_caller]
    pub fn apply_async<R: Outcome<Value: Send>>(
        &self,
        function: impl FnOnce() -> R + Send + 'static,
    ) -> Greenlet<R::Value> {
        let pool = self.clone();
        crate::spawn(move || pool.apply(function))
    }

    /// [`apply_async`](ThreadPool::apply_async) that also calls `callback` with the value, in the
    /// greenlet that it returns.
    #[track_caller]
    pub fn apply_async_cb<R: Outcome<Value: Send>, C: Outcome>(
        &self,
        function: impl FnOnce() -> R + Send + 'static,
        callback: impl FnOnce(&R::Value) -> C + 'static,
    ) -> Greenlet<R::Value> {
        let pool = self.clone();
        crate::spawn(move || pool.apply_cb(function, callback))
    }

    /// Has threads call `function` with each item, and returns the values in the order of the items.
    ///
    /// A separate greenlet, the starter, hands the tasks to the pool, as there is place for them.
    /// If the current greenlet is killed meanwhile, the starter ends: functions that run go on, but
    /// no others begin.
    ///
    /// # Errors
    /// The error of the first item whose function failed; any exception that is thrown into the
    /// current greenlet meanwhile.
    #[track_caller]
    pub fn map<I, R>(
        &self,
        function: impl Fn(I::Item) -> R + Send + Sync + 'static,
        iterable: I,
    ) -> Result<Vec<R::Value>, Exception>
    where
        I: IntoIterator<Item: Send + 'static> + 'static,
        R: Outcome<Value: Send>,
    {
        let wanted = Wanted::new();
        let starter = self.start_all(function, iterable, wanted.clone());
        let starting = Starting::new(starter, wanted);
        starting.starter.join_and_take()
    }

    /// [`map`](ThreadPool::map) that also calls `callback` with the values, in the current
    /// greenlet.
    ///
    /// # Errors
    /// As for `map`; the error of `callback`.
    #[track_caller]
    pub fn map_cb<I, R, C>(
        &self,
        function: impl Fn(I::Item) -> R + Send + Sync + 'static,
        iterable: I,
        callback: impl FnOnce(&[R::Value]) -> C,
    ) -> Result<Vec<R::Value>, Exception>
    where
        I: IntoIterator<Item: Send + 'static> + 'static,
        R: Outcome<Value: Send>,
        C: Outcome,
    {
        let values = self.map(function, iterable)?;
        callback(&values).into_result()?;
        Ok(values)
    }

    /// [`map_cb`](ThreadPool::map_cb) that does not wait: it returns a greenlet that does, and
    /// whose value is the list.
    #[track_caller]
    pub fn map_async_cb<I, R, C>(
        &self,
        function: impl Fn(I::Item) -> R + Send + Sync + 'static,
        iterable: I,
        callback: impl FnOnce(&[R::Value]) -> C + 'static,
    ) -> Greenlet<Vec<R::Value>>
    where
        I: IntoIterator<Item: Send + 'static> + 'static,
        R: Outcome<Value: Send>,
        C: Outcome,
    {
        let pool = self.clone();
        crate::spawn(move || pool.map_cb(function, iterable, callback))
    }

    /// [`map`](ThreadPool::map) that does not wait: it returns a greenlet that does, and whose
    /// value is the list.
    #[track_caller]
    pub fn map_async<I, R>(
        &self,
        function: impl Fn(I::Item) -> R + Send + Sync + 'static,
        iterable: I,
    ) -> Greenlet<Vec<R::Value>>
    where
        I: IntoIterator<Item: Send + 'static> + 'static,
        R: Outcome<Value: Send>,
    {
        self.start_all(function, iterable, Wanted::new())
    }

    #[track_caller]
    fn start_all<I, R>(
        &self,
        function: impl Fn(I::Item) -> R + Send + Sync + 'static,
        iterable: I,
        wanted: Wanted,
    ) -> Greenlet<Vec<R::Value>>
    where
        I: IntoIterator<Item: Send + 'static> + 'static,
        R: Outcome<Value: Send>,
    {
        let (pool, function) = (self.clone(), Arc::new(function));
        crate::spawn(move || {
            let tasks: Result<Vec<_>, Exception> = iterable
                .into_iter()
                .map(|item| {
                    wanted.check()?;
                    let (function, wanted) = (function.clone(), wanted.clone());
                    Delivery::of(&pool, move || wanted.call(|| function(item)))
                })
                .collect();
            let values: Result<Vec<_>, Exception> = tasks?.into_iter().map(Delivery::take).collect();
            values
        })
    }

    /// Has threads call `function` with each item, and yields the values in the order of the items,
    /// as soon as they are there.
    #[track_caller]
    pub fn imap<I, R>(&self, function: impl Fn(I::Item) -> R + Send + Sync + 'static, iterable: I) -> IMap<R::Value>
    where
        I: IntoIterator<Item: Send + 'static> + 'static,
        R: Outcome<Value: Send>,
    {
        IMap::new(self.imap_unordered(function, iterable))
    }

    /// [`imap`](ThreadPool::imap) that starts tasks for at most `maxsize` values before they are
    /// asked for. Values that are there and wait for their turn in the order count, too. `None` and
    /// 0 mean no limit.
    #[track_caller]
    pub fn imap_maxsize<I, R>(
        &self,
        function: impl Fn(I::Item) -> R + Send + Sync + 'static,
        iterable: I,
        maxsize: impl Into<Option<usize>>,
    ) -> IMap<R::Value>
    where
        I: IntoIterator<Item: Send + 'static> + 'static,
        R: Outcome<Value: Send>,
    {
        IMap::new(self.imap_unordered_maxsize(function, iterable, maxsize))
    }

    /// [`imap`](ThreadPool::imap) that yields the values in the order in which they come.
    #[track_caller]
    pub fn imap_unordered<I, R>(
        &self,
        function: impl Fn(I::Item) -> R + Send + Sync + 'static,
        iterable: I,
    ) -> IMapUnordered<R::Value>
    where
        I: IntoIterator<Item: Send + 'static> + 'static,
        R: Outcome<Value: Send>,
    {
        self.imap_unordered_maxsize(function, iterable, None)
    }

    /// [`imap_unordered`](ThreadPool::imap_unordered) that starts tasks for at most `maxsize`
    /// values before they are asked for. `None` and 0 mean no limit.
    #[track_caller]
    pub fn imap_unordered_maxsize<I, R>(
        &self,
        function: impl Fn(I::Item) -> R + Send + Sync + 'static,
        iterable: I,
        maxsize: impl Into<Option<usize>>,
    ) -> IMapUnordered<R::Value>
    where
        I: IntoIterator<Item: Send + 'static> + 'static,
        R: Outcome<Value: Send>,
    {
        let (pool, function) = (self.clone(), Arc::new(function));
        IMapUnordered::spawn(iterable, maxsize.into(), move |item, report| {
            let function = function.clone();
            let wanted = report.wanted();
            let task = move || wanted.call(|| function(item));
            pool.spawn_for(task, move |ended| report.ended(ended))
        })
    }
}

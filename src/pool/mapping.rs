//! The methods of [`Group`] that apply functions to items: `apply`, `map`, `imap` and their
//! variants. Source: `GroupMappingMixin` in gevent's `pool.py`.

use std::collections::VecDeque;
use std::rc::Rc;

use greenlet_core::Exception;

use super::group::Group;
use super::imap::{IMap, IMapUnordered};
use super::wanted::{Starting, Wanted};
use crate::greenlet::Greenlet;
use crate::outcome::Outcome;

impl Group {
    /// Runs `function` in a greenlet of the group and returns its value. If the current greenlet is
    /// a member, it calls the function itself, so that a full pool does not wait for itself.
    ///
    /// # Errors
    /// The error of `function`; any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn apply<R: Outcome>(&self, function: impl FnOnce() -> R + 'static) -> Result<R::Value, Exception> {
        if self.has_current() {
            return function().into_result();
        }
        self.spawn(function)?.join_and_take()
    }

    /// [`apply`](Group::apply) that also calls `callback` with the value, in a greenlet of its own.
    /// After an error it is not called.
    ///
    /// # Errors
    /// As for `apply`.
    #[track_caller]
    pub fn apply_cb<R: Outcome<Value: Clone>, C: Outcome>(
        &self,
        function: impl FnOnce() -> R + 'static,
        callback: impl FnOnce(&R::Value) -> C + 'static,
    ) -> Result<R::Value, Exception> {
        let value = self.apply(function)?;
        let its = value.clone();
        crate::spawn(move || callback(&its));
        Ok(value)
    }

    /// [`apply`](Group::apply) that does not wait, not even while the group is full: it returns a
    /// greenlet that does, and whose value is that of `function`. It is a member if there was a
    /// free place.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    #[track_caller]
    pub fn apply_async<R: Outcome>(
        &self,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<Greenlet<R::Value>, Exception> {
        if self.full() {
            let group = self.clone();
            return Ok(crate::spawn(move || group.apply(function)));
        }
        self.spawn(function)
    }

    /// [`apply_async`](Group::apply_async) that also has `callback` called with the value, in a
    /// greenlet of its own. After an error it is not called.
    ///
    /// # Errors
    /// As for `apply_async`.
    #[track_caller]
    pub fn apply_async_cb<R: Outcome<Value: Clone>, C: Outcome>(
        &self,
        function: impl FnOnce() -> R + 'static,
        callback: impl FnOnce(&R::Value) -> C + 'static,
    ) -> Result<Greenlet<R::Value>, Exception> {
        if self.full() {
            let group = self.clone();
            return Ok(crate::spawn(move || group.apply_cb(function, callback)));
        }
        let greenlet = self.spawn(function)?;
        let callback = std::cell::Cell::new(Some(callback));
        greenlet.link(move |greenlet: &Greenlet<R::Value>| match greenlet.value() {
            Some(value) => match callback.take() {
                Some(callback) => callback(&value).into_result().map(drop),
                None => Ok(()),
            },
            None => Ok(()),
        });
        Ok(greenlet)
    }

    /// Calls `function` with each item, in greenlets of the group, and returns the values in the
    /// order of the items.
    ///
    /// A greenlet outside the group, the starter, spawns those of the group, as there is place for
    /// them. If the current greenlet is killed meanwhile, the starter ends: functions that run go
    /// on, but no others begin.
    ///
    /// # Errors
    /// The error of the first item whose function failed; any exception that is thrown into the
    /// current greenlet meanwhile.
    #[track_caller]
    pub fn map<I, R>(&self, function: impl Fn(I::Item) -> R + 'static, iterable: I) -> Result<Vec<R::Value>, Exception>
    where
        I: IntoIterator<Item: 'static> + 'static,
        R: Outcome,
    {
        let wanted = Wanted::new();
        let starter = self.start_all(function, iterable, wanted.clone());
        let starting = Starting::new(starter, wanted);
        starting.starter.join_and_take()
    }

    /// [`map`](Group::map) that also calls `callback` with the values.
    ///
    /// # Errors
    /// As for `map`; the error of `callback`.
    #[track_caller]
    pub fn map_cb<I, R, C>(
        &self,
        function: impl Fn(I::Item) -> R + 'static,
        iterable: I,
        callback: impl FnOnce(&[R::Value]) -> C,
    ) -> Result<Vec<R::Value>, Exception>
    where
        I: IntoIterator<Item: 'static> + 'static,
        R: Outcome,
        C: Outcome,
    {
        let values = self.map(function, iterable)?;
        callback(&values).into_result()?;
        Ok(values)
    }

    /// [`map`](Group::map) that does not wait: it returns a greenlet that does, and whose value is
    /// the list.
    #[track_caller]
    pub fn map_async<I, R>(&self, function: impl Fn(I::Item) -> R + 'static, iterable: I) -> Greenlet<Vec<R::Value>>
    where
        I: IntoIterator<Item: 'static> + 'static,
        R: Outcome,
    {
        self.start_all(function, iterable, Wanted::new())
    }

    #[track_caller]
    fn start_all<I, R>(
        &self,
        function: impl Fn(I::Item) -> R + 'static,
        iterable: I,
        wanted: Wanted,
    ) -> Greenlet<Vec<R::Value>>
    where
        I: IntoIterator<Item: 'static> + 'static,
        R: Outcome,
    {
        let (group, function) = (self.clone(), Rc::new(function));
        crate::spawn(move || {
            let mut values = Ok(Vec::new());
            let mut under_way = VecDeque::<Greenlet<R::Value>>::new();
            for item in iterable {
                wanted.check()?;
                let (function, wanted) = (function.clone(), wanted.clone());
                let task = move || wanted.call(|| function(item));
                under_way.push_back(group.spawn(task)?);
                // Takes the values of greenlets that have ended, so that they are not kept until
                // all are spawned.
                while let Some(ended) = under_way.front().filter(|first| first.ready()) {
                    add(&mut values, ended.take_outcome());
                    under_way.pop_front();
                }
            }
            for greenlet in under_way {
                if values.is_err() {
                    break;
                }
                add(&mut values, greenlet.join_and_take());
            }
            values
        })
    }

    /// [`map_async`](Group::map_async) that also calls `callback` with the values, in the greenlet
    /// that it returns. If the callback fails, the greenlet ends with its error.
    #[track_caller]
    pub fn map_async_cb<I, R, C>(
        &self,
        function: impl Fn(I::Item) -> R + 'static,
        iterable: I,
        callback: impl FnOnce(&[R::Value]) -> C + 'static,
    ) -> Greenlet<Vec<R::Value>>
    where
        I: IntoIterator<Item: 'static> + 'static,
        R: Outcome,
        C: Outcome,
    {
        let group = self.clone();
        crate::spawn(move || group.map_cb(function, iterable, callback))
    }

    /// Calls `function` with each item, in greenlets of the group, and yields the values in the
    /// order of the items, as soon as they are there.
    ///
    /// ```
    /// use gevent::pool::Pool;
    ///
    /// let pool = Pool::new(2);
    /// let mut squares = pool.imap(|i| i * i, [1, 2, 3]);
    /// assert_eq!(squares.next().unwrap()?, 1);
    /// assert_eq!(squares.collect::<Result<Vec<i32>, _>>()?, [4, 9]);
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    #[track_caller]
    pub fn imap<I, R>(&self, function: impl Fn(I::Item) -> R + 'static, iterable: I) -> IMap<R::Value>
    where
        I: IntoIterator<Item: 'static> + 'static,
        R: Outcome,
    {
        self.imap_maxsize(function, iterable, None)
    }

    /// [`imap`](Group::imap) that starts tasks for at most `maxsize` values before they are asked
    /// for. Values that are there and wait for their turn in the order count, too. `None` and 0
    /// mean no limit.
    #[track_caller]
    pub fn imap_maxsize<I, R>(
        &self,
        function: impl Fn(I::Item) -> R + 'static,
        iterable: I,
        maxsize: impl Into<Option<usize>>,
    ) -> IMap<R::Value>
    where
        I: IntoIterator<Item: 'static> + 'static,
        R: Outcome,
    {
        IMap::new(self.imap_unordered_maxsize(function, iterable, maxsize))
    }

    /// [`imap`](Group::imap) that yields the values in the order in which they come.
    #[track_caller]
    pub fn imap_unordered<I, R>(
        &self,
        function: impl Fn(I::Item) -> R + 'static,
        iterable: I,
    ) -> IMapUnordered<R::Value>
    where
        I: IntoIterator<Item: 'static> + 'static,
        R: Outcome,
    {
        self.imap_unordered_maxsize(function, iterable, None)
    }

    /// [`imap_unordered`](Group::imap_unordered) that starts tasks for at most `maxsize` values
    /// before they are asked for. `None` and 0 mean no limit.
    #[track_caller]
    pub fn imap_unordered_maxsize<I, R>(
        &self,
        function: impl Fn(I::Item) -> R + 'static,
        iterable: I,
        maxsize: impl Into<Option<usize>>,
    ) -> IMapUnordered<R::Value>
    where
        I: IntoIterator<Item: 'static> + 'static,
        R: Outcome,
    {
        let (group, function) = (self.clone(), Rc::new(function));
        IMapUnordered::spawn(iterable, maxsize.into(), move |item, report| {
            let function = function.clone();
            let wanted = report.wanted();
            let greenlet = group.spawn(move || wanted.call(|| function(item)))?;
            greenlet.rawlink(move |greenlet| report.ended(greenlet.take_outcome()));
            Ok(())
        })
    }
}

/// Adds a value to the list, or replaces the list by the first error.
fn add<T>(values: &mut Result<Vec<T>, Exception>, outcome: Result<T, Exception>) {
    let error = match (&mut *values, outcome) {
        (Ok(values), Ok(value)) => return values.push(value),
        (Ok(_), Err(error)) => error,
        (Err(_), _) => return,
    };
    *values = Err(error);
}

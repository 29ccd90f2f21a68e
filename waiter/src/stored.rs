//! [`Stored`]: the value or the exception that a waiter keeps for the next `get`.

use std::rc::Rc;

use greenlet_core::Exception;

/// A value or an exception. The value may be replaced while others, several at once, clone it: it stays until they are
/// done. Cloning may be user code, so nothing is borrowed meanwhile. Dropping what [`put`](Stored::put) and
/// [`take`](Stored::take) return may be user code, too.
pub(crate) struct Stored<T> {
    outcome: Option<Result<StoredValue<T>, Exception>>,
    /// The allocation that an earlier value was in, for the next value that is cloned.
    room: Option<Rc<Option<T>>>,
}

pub(crate) enum StoredValue<T> {
    /// A value that nobody has cloned yet.
    Own(T),
    Shared(Rc<Option<T>>),
}

impl<T> Default for Stored<T> {
    fn default() -> Self {
        Stored {
            outcome: None,
            room: None,
        }
    }
}

impl<T> Stored<T> {
    pub(crate) fn is_there(&self) -> bool {
        self.outcome.is_some()
    }

    pub(crate) fn is_value(&self) -> bool {
        matches!(self.outcome, Some(Ok(_)))
    }

    pub(crate) fn exception(&self) -> Option<Exception> {
        match &self.outcome {
            Some(Err(exception)) => Some(exception.clone()),
            _ => None,
        }
    }

    /// Keeps `outcome`, and returns what was kept before.
    pub(crate) fn put(&mut self, outcome: Result<T, Exception>) -> Option<Result<StoredValue<T>, Exception>> {
        let before = self.take();
        self.outcome = Some(outcome.map(StoredValue::Own));
        before
    }

    pub(crate) fn take(&mut self) -> Option<Result<StoredValue<T>, Exception>> {
        let mut taken = self.outcome.take();
        if let Some(Ok(StoredValue::Shared(room))) = &mut taken
            && let Some(value) = Rc::get_mut(room).and_then(Option::take)
            && let Some(Ok(StoredValue::Shared(room))) = taken.replace(Ok(StoredValue::Own(value)))
        {
            self.room = Some(room);
        }
        taken
    }

    /// The value to clone, which stays until the last user is done, or the exception.
    pub(crate) fn share(&mut self) -> Option<Result<Rc<Option<T>>, Exception>> {
        let shared = match self.outcome.take()? {
            Ok(StoredValue::Own(value)) => Ok(self.make_room(value)),
            Ok(StoredValue::Shared(room)) => Ok(room),
            Err(exception) => Err(exception),
        };
        self.outcome = Some(shared.clone().map(StoredValue::Shared));
        Some(shared)
    }

    fn make_room(&mut self, value: T) -> Rc<Option<T>> {
        let mut room = self.room.take();
        match room.as_mut().and_then(Rc::get_mut) {
            Some(place) => *place = Some(value),
            None => return Rc::new(Some(value)),
        }
        room.unwrap_or_default()
    }
}

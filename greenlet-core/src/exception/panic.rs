//! Panics as errors, and where they began.

use std::any::Any;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::{Mutex, Once, PoisonError};

use super::{Exception, Place};
use crate::direct::direct;
use crate::thread::Thread;
use crate::unwind;
use crate::virtual_thread::is_virtual_thread;

/// A panic that left a greenlet's function, as an error: the message, and the payload itself.
pub struct Panic {
    message: String,
    place: Option<Place>,
    payload: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Exception {
    /// Wraps the payload of a caught panic, see [`Panic`]. A payload that is an exception stays that very exception.
    ///
    /// ```
    /// use greenlet_core::{Exception, GreenletExit};
    /// let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(Exception::new(GreenletExit))));
    /// assert!(Exception::from_panic(caught.unwrap_err()).is_exit());
    /// ```
    pub fn from_panic(payload: Box<dyn Any + Send>) -> Self {
        let payload = match payload.downcast::<Exception>() {
            Ok(exception) => return *exception,
            Err(payload) => payload,
        };
        let message = message(&*payload).to_owned();
        Exception::new(Panic {
            place: place_of(&message),
            message,
            payload: Mutex::new(Some(payload)),
        })
    }
}

/// The message of a panic.
fn message(payload: &dyn Any) -> &str {
    if let Some(message) = payload.downcast_ref::<&str>() {
        message
    } else if let Some(message) = payload.downcast_ref::<String>() {
        message
    } else {
        "Box<dyn Any>"
    }
}

impl Panic {
    /// The panic's message, as the panic hook printed it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where the panic began; none if this crate's panic hook was not told of it. The hook is installed
    /// when a thread first runs a greenlet, and calls the one that was there before. It is not told of a
    /// panic that [`resume_unwind`] has started, nor of any after somebody has installed a hook that does
    /// not call it.
    ///
    /// [`resume_unwind`]: std::panic::resume_unwind
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Takes the payload, for `downcast` or [`std::panic::resume_unwind`]. All clones of the
    /// exception share it, so only the first call returns it.
    pub fn take_payload(&self) -> Option<Box<dyn Any + Send>> {
        self.payload.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Panic {
    /// Drops the payload so that a panic of its destructor goes no further: the exception may be dropped in a callback
    /// that C has called, for instance.
    fn drop(&mut self) {
        if let Some(payload) = self.take_payload() {
            unwind::discard(payload);
        }
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message).finish()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)
    }
}

impl Error for Panic {}

/// Where the latest panics of a thread began, with their messages. More than one may be under way, in
/// destructors and in other greenlets, so a caught one is recognised by its message.
pub(crate) type PanicPlaces = VecDeque<(String, Place)>;

/// So many places are kept at most: a panic that other code catches leaves its place behind.
const PLACES: usize = 8;

/// Installs a hook that notes the panics of threads that run greenlets, and calls the hook that was there before.
pub(crate) fn watch_panics() {
    static WATCHED: Once = Once::new();
    // The hook cannot be changed while this thread panics: a later greenlet installs it.
    if WATCHED.is_completed() || std::thread::panicking() {
        return;
    }
    WATCHED.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            note(info);
            match is_virtual_thread() {
                true => before(info),
                // Another greenlet of the thread would seem to panic as well.
                false => direct(|| before(info)),
            }
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    // SAFETY: the state outlives the thread's own code, as in `Thread::with`.
    let (Some(thread), Some(location)) = (unsafe { Thread::peek().as_ref() }, info.location()) else {
        return;
    };
    let noted = (message(info.payload()).to_owned(), Place::copy(location));
    let mut places = thread.panics.borrow_mut();
    places.truncate(PLACES - 1);
    places.push_front(noted);
}

/// Where the latest panic with this message began. The place is forgotten then.
fn place_of(message: &str) -> Option<Place> {
    // SAFETY: the state outlives the thread's own code, as in `Thread::with`.
    let thread = unsafe { Thread::peek().as_ref() }?;
    let mut places = thread.panics.borrow_mut();
    let index = places.iter().position(|(noted, _)| noted == message)?;
    places.remove(index).map(|(_, place)| place)
}

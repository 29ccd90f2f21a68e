//! [`Sender`] and [`SyncSender`], and the functions that make channels.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{SendError, TrySendError};

use super::channel::Channel;
use super::receiver::Receiver;

/// Makes a channel that stores as many messages as are sent; see [the module](super).
///
/// Source: [`std::sync::mpsc::channel`].
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (end, receiver) = new(None);
    (Sender(end), receiver)
}

/// Makes a channel that stores so many messages. If it is full, a sender waits. If the bound is zero, a sender waits
/// until its message is taken.
///
/// ```
/// use gevent_threading::spawn;
/// use gevent_threading::sync::mpsc::sync_channel;
///
/// let (send, receive) = sync_channel(1);
/// let sender = spawn(move || (1..=3).for_each(|number| send.send(number).unwrap()));
/// assert_eq!(receive.iter().collect::<Vec<_>>(), [1, 2, 3]);
/// sender.join().unwrap();
/// ```
///
/// Source: [`std::sync::mpsc::sync_channel`].
#[must_use]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (end, receiver) = new(Some(bound));
    (SyncSender(end), receiver)
}

fn new<T>(capacity: Option<usize>) -> (SendingEnd<T>, Receiver<T>) {
    let channel = Arc::new(Channel::new(capacity));
    (SendingEnd(channel.clone()), Receiver::new(channel))
}

/// One of the senders of a channel. When the last one is dropped, the receiver knows.
struct SendingEnd<T>(Arc<Channel<T>>);

impl<T> Clone for SendingEnd<T> {
    fn clone(&self) -> SendingEnd<T> {
        self.0.sender_comes();
        SendingEnd(self.0.clone())
    }
}

impl<T> Drop for SendingEnd<T> {
    fn drop(&mut self) {
        self.0.sender_goes();
    }
}

/// The sending end of a [`channel`]. Its clones send to the same receiver.
///
/// Source: [`std::sync::mpsc::Sender`].
pub struct Sender<T>(SendingEnd<T>);

impl<T> Sender<T> {
    /// Sends a value. This never waits.
    ///
    /// # Errors
    /// With the value, if the receiver is gone.
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.0.0.send(t)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender(self.0.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// The sending end of a [`sync_channel`]. Its clones send to the same receiver.
///
/// Source: [`std::sync::mpsc::SyncSender`].
pub struct SyncSender<T>(SendingEnd<T>);

impl<T> SyncSender<T> {
    /// Sends a value, and waits until there is room for it; if the bound is zero, until it is taken.
    ///
    /// # Errors
    /// With the value, if the receiver is gone.
    ///
    /// # Panics
    /// As [`park`](crate::park), if an exception is thrown into the caller. The value is dropped then, unless it was
    /// taken already.
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.0.0.send(t)
    }

    /// Sends a value if there is room for it; if the bound is zero, if the receiver waits for one.
    ///
    /// # Errors
    /// With the value, if there is no room, or if the receiver is gone.
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        self.0.0.try_send(t)
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> SyncSender<T> {
        SyncSender(self.0.clone())
    }
}

impl<T> fmt::Debug for SyncSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncSender").finish_non_exhaustive()
    }
}

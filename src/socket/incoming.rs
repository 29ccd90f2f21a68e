//! [`Incoming`]: the connections of a listener, one after the other.

use std::io;
use std::iter::FusedIterator;

use super::raw::ends_all;
use super::{TcpListener, UdpSocket, UnixDatagram, UnixListener};
use crate::baseserver::ServerSocket;

/// Implemented by our sockets only.
pub trait Sealed {}

impl Sealed for TcpListener {}
impl Sealed for UnixListener {}
impl Sealed for UdpSocket {}
impl Sealed for UnixDatagram {}

/// A listener whose connections [`Incoming`] yields, and a [`StreamServer`](crate::server::StreamServer) serves: one of
/// ours.
pub trait Listener: ServerSocket {
    /// Waits for the next connection.
    ///
    /// # Errors
    /// As for the `accept` of the type.
    fn next_stream(&self) -> io::Result<Self::Client>;
}

/// An iterator over the connections of a listener, made by [`TcpListener::incoming`] and
/// [`UnixListener::incoming`](super::UnixListener::incoming).
#[derive(Debug)]
pub struct Incoming<'a, L: Listener = TcpListener> {
    /// None when the iterator is over.
    listener: Option<&'a L>,
    /// Whether the next try would fail as the last one did unless other greenlets run before.
    pause: bool,
}

/// How many seconds other greenlets run after a failure that they may end, for example by closing descriptors.
const PAUSE: f64 = 0.01;

impl<'a, L: Listener> Incoming<'a, L> {
    pub(super) fn of(listener: &'a L) -> Self {
        Incoming {
            listener: Some(listener),
            pause: false,
        }
    }

    #[track_caller]
    fn accept(&mut self, listener: &L) -> io::Result<L::Client> {
        if std::mem::take(&mut self.pause) {
            hub::sleep(PAUSE)?;
        }
        listener.next_stream()
    }
}

impl<L: Listener> Iterator for Incoming<'_, L> {
    type Item = io::Result<L::Client>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        let accepted = self.accept(self.listener?);
        if let Err(error) = &accepted {
            if ends_all(error) || is_of_listener(error) {
                self.listener = None;
            }
            self.pause = is_for_now(error);
        }
        Some(accepted)
    }
}

impl<L: Listener> FusedIterator for Incoming<'_, L> {}

/// Whether the error says that the listener cannot accept any more connections.
pub(crate) fn is_of_listener(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADF | libc::EINVAL | libc::ENOTSOCK))
}

/// Whether the call has failed without waiting, and would do so again at once: no descriptor or no memory is left, or
/// the timeout is 0.
fn is_for_now(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    ) || error.kind() == io::ErrorKind::WouldBlock
}

//! [`copy_bidirectional`]: two streams of ours, both ways.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;

use super::pump::Way;
use crate::socket::raw::ends_all;
use crate::socket::{Socket, TcpStream, UnixStream};

/// The streams that [`copy_bidirectional`] takes: [`TcpStream`] and [`UnixStream`].
pub trait Stream: sealed::Sealed + Clone + Into<Socket> {}

impl Stream for TcpStream {}
impl Stream for UnixStream {}

pub(crate) mod sealed {
    use std::rc::Rc;

    use crate::socket::RawSocket;

    pub trait Sealed {
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "only this crate calls it")]
        fn raw(&self) -> &Rc<RawSocket>;
    }

    impl Sealed for super::TcpStream {
        #[expect(private_interfaces, reason = "as above")]
        fn raw(&self) -> &Rc<RawSocket> {
            &self.0
        }
    }

    impl Sealed for super::UnixStream {
        #[expect(private_interfaces, reason = "as above")]
        fn raw(&self) -> &Rc<RawSocket> {
            &self.0
        }
    }
}

/// Forwards everything from each of two streams to the other, until both have ended. Returns how many bytes went from
/// `a` to `b`, and from `b` to `a`.
///
/// When one stream ends, the other is [shut down](TcpStream::shutdown) for writing, and the other way goes on. The
/// streams stay open. The streams' own [timeouts](TcpStream::set_timeout) limit each wait.
///
/// While there is nothing to forward, no buffer is held. Large data go through pipes on Linux, which takes half of the
/// time that copying takes; a thread has at most eight of them.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::Shutdown;
/// use gevent::prelude::*;
/// use gevent::socket::{UnixStream, copy_bidirectional};
///
/// let ((mut client, a), (b, mut server)) = (UnixStream::pair()?, UnixStream::pair()?);
/// let forwarder = spawn(move || Ok(copy_bidirectional(&a, &b)?));
/// client.write_all(b"question")?;
/// client.shutdown(Shutdown::Write)?;
/// let (mut question, mut answer) = (String::new(), String::new());
/// server.read_to_string(&mut question)?; // it ends where the client's data end
/// server.write_all(b"yes")?;
/// drop(server);
/// client.read_to_string(&mut answer)?;
/// assert_eq!((&*question, &*answer), ("question", "yes"));
/// assert_eq!(forwarder.get()?, (8, 3));
/// # Ok::<(), Exception>(())
/// ```
///
/// # Errors
/// The first error of one of the streams ends both ways, and is returned with a [`CopyBidirectionalError`] inside that
/// tells how much was forwarded before, if anything was. (That the other side is gone when it is to be told of an end
/// is no error.) What was read, but could not be written, is lost. An exception that is thrown into the current
/// greenlet ends both ways, and is returned as it is.
#[track_caller]
pub fn copy_bidirectional<A: Stream, B: Stream>(a: &A, b: &B) -> io::Result<(u64, u64)> {
    let (a, b) = (a.clone().into().0, b.clone().into().0);
    let both = Rc::new(Both {
        ways: [Way::new(a.clone(), b.clone()), Way::new(b, a)],
        told: Cell::new(false),
        failure: RefCell::new(None),
    });
    let its = both.clone();
    let back = crate::spawn(move || its.forward(1));
    // This tells the other greenlet to end, however this one does.
    let _end = EndOnDrop(&both);
    both.forward(0);
    if !both.failure.borrow().as_ref().is_some_and(ends_all) {
        back.get()?;
    }
    let counts = (both.ways[0].copied.get(), both.ways[1].copied.get());
    match both.failure.take() {
        Some(error) => Err(CopyBidirectionalError::with(counts, error)),
        None => Ok(counts),
    }
}

/// The two ways, each of which has a greenlet.
struct Both {
    ways: [Way; 2],
    /// Whether both ways are to end.
    told: Cell<bool>,
    /// The first error.
    failure: RefCell<Option<io::Error>>,
}

impl Both {
    /// Forwards one way. If it fails, this ends the other, too.
    #[track_caller]
    fn forward(&self, way: usize) {
        let Err(error) = self.ways[way].pump(&self.told) else {
            return;
        };
        // What was thrown comes out, even if the other way has failed just before.
        if !self.told.get() || ends_all(&error) {
            self.failure.replace(Some(error));
            self.end();
        }
    }

    fn end(&self) {
        self.told.set(true);
        for way in &self.ways {
            way.wake();
        }
    }
}

struct EndOnDrop<'a>(&'a Both);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The error of [`copy_bidirectional`], if anything was forwarded before it failed.
///
/// It is inside the [`io::Error`], as a [`SendAllError`](crate::socket::SendAllError) is.
#[derive(Debug)]
#[non_exhaustive]
pub struct CopyBidirectionalError {
    /// How many bytes went from the first stream to the second, and back.
    pub copied: (u64, u64),
    /// The system's error, or [`TimedOut`](crate::exceptions::TimedOut) if it took too long.
    pub source: io::Error,
}

impl CopyBidirectionalError {
    /// How many bytes were forwarded before this error of `copy_bidirectional`: 0 if none were, or the error does not
    /// tell.
    pub fn copied_before(error: &io::Error) -> (u64, u64) {
        let inside = error.get_ref().and_then(|error| error.downcast_ref::<Self>());
        inside.map_or((0, 0), |error| error.copied)
    }

    #[cold]
    fn with(copied: (u64, u64), source: io::Error) -> io::Error {
        if copied == (0, 0) || ends_all(&source) {
            return source;
        }
        io::Error::new(source.kind(), CopyBidirectionalError { copied, source })
    }
}

impl fmt::Display for CopyBidirectionalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (there, back) = self.copied;
        write!(
            f,
            "cannot forward more than {there} bytes there, {back} back: {}",
            self.source
        )
    }
}

impl std::error::Error for CopyBidirectionalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

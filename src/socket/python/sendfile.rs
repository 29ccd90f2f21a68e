//! [`Socket::sendfile`].

use std::fs::File;
use std::io::{self, Seek, SeekFrom};

use super::Socket;
use crate::socket::raw::Direction;

impl Socket {
    /// Sends a file from an offset to its end, or `count` bytes of it. Returns how many bytes were sent. The file's
    /// position is afterwards behind what was sent, also after an error. The file is read in this thread, as in gevent.
    ///
    /// # Errors
    /// Fails as [`sendall`](Socket::sendall) does, but the timeout limits each wait; if the file cannot
    /// be read; with [`io::ErrorKind::InvalidInput`] for sockets of another type than `SOCK_STREAM`, for a timeout of 0
    /// and for a count of 0.
    #[track_caller]
    pub fn sendfile(&self, file: &File, offset: u64, count: Option<u64>) -> io::Result<u64> {
        let invalid = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        if self.type_()? != libc::SOCK_STREAM {
            return invalid("only SOCK_STREAM type sockets are supported");
        }
        if count == Some(0) {
            return invalid("count must be a positive integer");
        }
        if !self.getblocking() {
            return invalid("non-blocking sockets are not supported");
        }
        let mut sent = 0;
        let limit = self.0.limit(Direction::Write);
        let result = self.0.sendfile(limit, file, offset, count, &mut sent);
        if sent > 0 {
            (&*file).seek(SeekFrom::Start(offset + sent))?;
        }
        result.map(|()| sent)
    }
}

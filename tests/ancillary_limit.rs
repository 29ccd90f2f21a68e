//! Tests what becomes of descriptors that come to a process which has none left. The limit of open files holds for the
//! whole process, so this program has no other test.

use std::io::{self, IoSliceMut, Read};
use std::os::fd::{AsFd, AsRawFd};

use gevent::Exception;
use gevent::socket::{Ancillary, CMSG_SPACE, MSG_CTRUNC, SOL_SOCKET, Socket, SocketAncillary, UnixStream, recv_fds};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Linux has this since version 6.5.
const SO_PASSPIDFD: i32 = 76;

/// Sends the ends of two pipes, and closes them here.
fn send(socket: &UnixStream) -> io::Result<[io::PipeReader; 2]> {
    let ((first, a), (second, b)) = (io::pipe()?, io::pipe()?);
    socket.send_fds(b"x", &[a.as_fd(), b.as_fd()])?;
    Ok([first, second])
}

#[test]
fn descriptors_are_lost_but_told_of_while_none_are_left() -> Result<(), Exception> {
    let (here, there) = UnixStream::pair()?;
    let python = Socket::from(there.clone());
    let sent = [send(&here)?, send(&here)?, send(&here)?];
    // There is room for one.
    let next = std::fs::File::open("/dev/null")?.as_raw_fd() as u64;
    let limit = Rlimit {
        current: Some(next + 1),
        maximum: Some(next + 1),
    };
    setrlimit(Resource::Nofile, limit).map_err(io::Error::from)?;

    let mut room = [0; CMSG_SPACE(8)];
    let mut ancillary = SocketAncillary::new(&mut room);
    let n = there.recv_vectored_with_ancillary(&mut [IoSliceMut::new(&mut [0; 9])], &mut ancillary)?;
    assert_eq!((n, ancillary.truncated(), ancillary.messages().count()), (1, true, 1));
    let (data, fds, flags, _) = recv_fds(&python, 9, 2)?;
    assert_eq!((&data[..], fds.len(), flags), (&b"x"[..], 1, MSG_CTRUNC));
    // Now there is none left, for a process neither. The system tells an error instead of its number.
    let (n, none) = there.recv_fds(&mut [0; 9], 2)?;
    assert_eq!((n, none.len()), (1, 0));
    if python.setsockopt(SOL_SOCKET, SO_PASSPIDFD, 1).is_ok() {
        here.send_fds(b"x", &[])?;
        let (_, ancdata, ..) = python.recvmsg(9, 99)?;
        let [Ancillary::Other { type_: 4, data, .. }] = &ancdata[..] else {
            panic!("{ancdata:?}");
        };
        assert_eq!(data[..], (-libc::EMFILE).to_ne_bytes());
    }
    drop(fds);
    for mut pipe in sent.into_iter().flatten() {
        assert_eq!(pipe.read(&mut [0])?, 0);
    }
    Ok(())
}

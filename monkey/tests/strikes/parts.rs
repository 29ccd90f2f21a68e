//! Calls that have done a part of their work when they park again: what they have moved is told, and nothing of it is
//! lost, or there twice.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::ptr::{null, null_mut};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use libc::{FILE, MSG_NOSIGNAL, MSG_PEEK, MSG_WAITALL, c_void, iovec};

use crate::files::{fifo, pipe, put_all, swap, take, terminal, wait_for};
use crate::row::{Case, Row, Thrown, done};
use crate::sockets::{file, message, messages, pair};
use crate::streams::{Stream, line};
use crate::strike::until;

/// So many bytes are more than any of the descriptors takes at once.
const MANY: usize = 1_000_000;

/// Bytes by which it can be seen where they are from: letters, in no order.
fn numbered(count: usize) -> &'static [u8] {
    static BYTES: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..MANY).map(|n| b'a' + ((n ^ n >> 5 ^ n >> 9) % 26) as u8).collect());
    &BYTES[..count]
}

/// A call that writes many bytes to the first descriptor, and returns how many it has written. They are read from the
/// other one.
fn writes((writer, reader): (OwnedFd, OwnedFd), call: fn(RawFd, &[u8]) -> i64) -> Case {
    let (fd, reading) = (writer.as_raw_fd(), reader.as_raw_fd());
    let told = Arc::new(AtomicUsize::new(0));
    let got = Rc::new(RefCell::new(Vec::new()));
    let given = Rc::new(Cell::new(false));
    let take_more = |got: &Rc<RefCell<Vec<u8>>>| {
        let got = got.clone();
        move || {
            got.borrow_mut().extend(take(reading));
            got.borrow().len()
        }
    };
    let (telling, giving) = (told.clone(), given.clone());
    let (takes, take_part) = (take_more(&got), take_more(&got));
    let call = move || {
        telling.store(done(call(fd, numbered(MANY)))? as usize, Ordering::Relaxed);
        Ok(())
    };
    let give = move || {
        giving.set(true);
        until("all is written", || takes() == MANY);
    };
    Case {
        again: vec![Box::new(move || _ = take_part())],
        fd: Some(writer),
        check: Box::new(move |_, _| {
            got.borrow_mut().extend(take(reader.as_raw_fd()));
            let told = told.load(Ordering::Relaxed);
            assert_eq!(told == MANY, given.get(), "{told}");
            assert!(
                told > 0 && got.borrow().as_slice() == numbered(told),
                "{} of {told}",
                got.borrow().len()
            );
        }),
        ..Case::new(call, give)
    }
}

/// How many bytes come at a time, and in all: three lines, of which only the last one has an end.
const PIECE: usize = 3;
const LINE: &[u8] = b"abcdefgh\n";
const ALL: usize = LINE.len();

/// A call that reads all bytes from the first descriptor into a place with room for one more, and returns how many it
/// has read. They come in pieces, the first one before the call; `takes` says that it does not leave them there.
fn reads(
    (reader, writer): (OwnedFd, OwnedFd),
    takes: bool,
    call: impl FnOnce(RawFd, &mut [u8; ALL + 1]) -> i64 + Send + 'static,
) -> Case {
    let (fd, writing) = (reader.as_raw_fd(), writer.as_raw_fd());
    put_all(writing, &LINE[..PIECE]);
    let told = Arc::new(AtomicUsize::new(0));
    let sent = Rc::new(Cell::new(PIECE));
    let (telling, sends, gives) = (told.clone(), sent.clone(), sent.clone());
    let call = move || {
        let mut place = [0; ALL + 1];
        let got = done(call(fd, &mut place))? as usize;
        assert_eq!(place[..got], LINE[..got]);
        telling.store(got, Ordering::Relaxed);
        Ok(())
    };
    let again = move || {
        put_all(writing, &LINE[PIECE..2 * PIECE]);
        sends.set(2 * PIECE);
    };
    Case {
        again: vec![Box::new(again)],
        fd: Some(reader),
        check: Box::new(move |_, reader| {
            let (told, sent) = (told.load(Ordering::Relaxed), sent.get());
            assert!(told >= PIECE && (told == ALL) == (sent == ALL), "{told} of {sent}");
            if let Some(reader) = reader {
                let from = if takes { told } else { 0 };
                assert_eq!(take(reader.as_raw_fd()), LINE[from..sent]);
            }
            drop(writer);
        }),
        ..Case::new(call, move || {
            put_all(writing, &LINE[2 * PIECE..]);
            gives.set(ALL);
        })
    }
}

/// The same by a stream.
fn reads_stream(call: fn(*mut FILE, &mut [u8; ALL + 1]) -> i64) -> Case {
    let (reader, writer) = pipe();
    let (stream, fd) = Stream::new(reader);
    let case = reads((fd, writer), true, move |_, place| call({ stream }.0, place));
    Case {
        check: Box::new(move |succeeded, fd| {
            (case.check)(
                succeeded,
                fd.as_ref().map(|fd| fd.try_clone().expect("there are descriptors")),
            );
            stream.close(fd);
        }),
        ..case
    }
}

/// What a stream has read of a line: the bytes before the first zero.
fn in_place(place: &[u8; ALL + 1]) -> i64 {
    place.iter().take_while(|byte| **byte != 0).count() as i64
}

/// Buffers of several sizes, one of which is empty.
fn buffers(bytes: &[u8]) -> Vec<iovec> {
    let (first, rest) = bytes.split_at(bytes.len() / 5);
    let (second, third) = rest.split_at(rest.len() / 2);
    let buffer = |bytes: &[u8]| iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    [&first[..0], first, second, third].map(buffer).to_vec()
}

fn sendmmsg(fd: RawFd, bytes: &[u8]) -> i64 {
    let (one, other) = bytes.split_at(bytes.len() / 2);
    let (mut one, mut other) = (buffers(one), buffers(other));
    let mut list = [messages(&mut one), messages(&mut other)];
    // SAFETY: there are two messages, of these buffers.
    let sent = unsafe { libc::sendmmsg(fd, list.as_mut_ptr(), 2, MSG_NOSIGNAL) };
    match usize::try_from(sent) {
        Ok(sent) => list[..sent].iter().map(|message| i64::from(message.msg_len)).sum(),
        Err(_) => sent.into(),
    }
}

/// Each message is a piece.
fn recvmmsg(fd: RawFd, place: &mut [u8; ALL + 1]) -> i64 {
    let mut pieces: Vec<Vec<iovec>> = place[..ALL].chunks(PIECE).map(buffers).collect();
    let mut list: Vec<_> = pieces.iter_mut().map(|piece| messages(piece)).collect();
    // SAFETY: there are so many messages, of these buffers.
    let got = unsafe { libc::recvmmsg(fd, list.as_mut_ptr(), list.len() as u32, 0, null_mut()) };
    i64::from(got) * if got > 0 { PIECE as i64 } else { 1 }
}

fn messages_pair() -> (OwnedFd, OwnedFd) {
    let (one, other) = UnixDatagram::pair().expect("there are descriptors");
    (one.into(), other.into())
}

fn sendfile(fd: RawFd, bytes: &[u8]) -> i64 {
    // SAFETY: the place is the file's own.
    unsafe { libc::sendfile(fd, file(bytes).as_raw_fd(), null_mut(), bytes.len()) as i64 }
}

/// With a place of the caller's, which tells the same.
fn sendfile64(fd: RawFd, bytes: &[u8]) -> i64 {
    let mut place = 0;
    // SAFETY: the place is a variable.
    let sent = unsafe { libc::sendfile64(fd, file(bytes).as_raw_fd(), &raw mut place, bytes.len()) } as i64;
    assert!(sent < 0 || sent == place, "{sent}, but the place is {place}");
    sent
}

/// A thread of the pool writes to a terminal. It writes all, whatever becomes of the caller.
fn writes_to_terminal() -> Case {
    const MUCH: usize = 100_000;
    let (program, master) = terminal();
    let fd = program.as_raw_fd();
    let call = move || {
        // SAFETY: the buffer has so many bytes.
        let put = done(unsafe { libc::write(fd, numbered(MUCH).as_ptr().cast(), MUCH) } as i64)?;
        assert_eq!(put, MUCH as i64);
        Ok(())
    };
    let got = Rc::new(RefCell::new(Vec::new()));
    let gave = got.clone();
    let reading = master.as_raw_fd();
    let give = move || {
        until("all is written", || {
            gave.borrow_mut().extend(take(reading));
            gave.borrow().len() == MUCH
        });
    };
    Case::new(call, give).checked(move |_| {
        let mut got = got.borrow_mut();
        while got.len() < MUCH {
            wait_for(master.as_raw_fd());
            got.extend(take(master.as_raw_fd()));
        }
        assert_eq!(got.as_slice(), numbered(MUCH));
        drop(program);
    })
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, make| Row::new(name, make).thrown(Thrown::Returns).closed([None; 2]);
    let part = |name, make| row(name, make).with("a part is done");
    const PEEK: i32 = MSG_PEEK | MSG_WAITALL;
    // SAFETY: in each row, the buffers and the place have so many bytes, and the stream is open.
    unsafe {
        vec![
            row("write", || {
                writes(swap(pipe()), |fd, from| libc::write(fd, start(from), from.len()) as i64)
            })
            .with("a part is in a pipe"),
            row("write", || {
                writes(swap(fifo()), |fd, from| libc::write(fd, start(from), from.len()) as i64)
            })
            .with("a part is in a FIFO"),
            row("write", || {
                writes(pair(), |fd, from| libc::write(fd, start(from), from.len()) as i64)
            })
            .with("a part is in a socket"),
            Row::new("write", writes_to_terminal).with("a part is in a terminal"),
            row("writev", || {
                writes(swap(pipe()), |fd, from| {
                    libc::writev(fd, buffers(from).as_ptr(), 4) as i64
                })
            })
            .with("a part is in a pipe"),
            row("writev", || {
                writes(swap(fifo()), |fd, from| {
                    libc::writev(fd, buffers(from).as_ptr(), 4) as i64
                })
            })
            .with("a part is in a FIFO"),
            row("writev", || {
                writes(pair(), |fd, from| libc::writev(fd, buffers(from).as_ptr(), 4) as i64)
            })
            .with("a part is in a socket"),
            part("pwritev2", || {
                writes(swap(pipe()), |fd, from| {
                    libc::pwritev2(fd, buffers(from).as_ptr(), 4, -1, libc::RWF_HIPRI) as i64
                })
            }),
            part("send", || {
                writes(pair(), |fd, from| {
                    libc::send(fd, start(from), from.len(), MSG_NOSIGNAL) as i64
                })
            }),
            part("sendto", || {
                writes(pair(), |fd, from| {
                    libc::sendto(fd, start(from), from.len(), MSG_NOSIGNAL, null(), 0) as i64
                })
            }),
            part("sendmsg", || {
                writes(pair(), |fd, from| {
                    libc::sendmsg(fd, &message(&mut buffers(from)), MSG_NOSIGNAL) as i64
                })
            }),
            part("sendmmsg", || writes(pair(), sendmmsg)),
            part("sendfile", || writes(pair(), sendfile)),
            part("sendfile64", || writes(pair(), sendfile64)),
            part("recv", || {
                reads(pair(), true, |fd, place| {
                    libc::recv(fd, place.as_mut_ptr().cast(), ALL, MSG_WAITALL) as i64
                })
            }),
            row("recv", || {
                reads(pair(), false, |fd, place| {
                    libc::recv(fd, place.as_mut_ptr().cast(), ALL, PEEK) as i64
                })
            })
            .with("a part is seen"),
            part("recvfrom", || {
                reads(pair(), true, |fd, place| {
                    let to = place.as_mut_ptr().cast();
                    libc::recvfrom(fd, to, ALL, MSG_WAITALL, null_mut(), null_mut()) as i64
                })
            }),
            part("recvmsg", || {
                reads(pair(), true, |fd, place| {
                    libc::recvmsg(fd, &mut message(&mut buffers(&place[..ALL])), MSG_WAITALL) as i64
                })
            }),
            row("recvmsg", || {
                reads(pair(), false, |fd, place| {
                    libc::recvmsg(fd, &mut message(&mut buffers(&place[..ALL])), PEEK) as i64
                })
            })
            .with("a part is seen"),
            part("recvmmsg", || reads(messages_pair(), true, recvmmsg)),
            part("fread", || {
                reads_stream(|from, place| libc::fread(place.as_mut_ptr().cast(), 1, ALL, from) as i64)
            }),
            // What it has read is in its place, as ever if a stream has an error.
            part("fgets", || {
                reads_stream(|from, place| {
                    libc::fgets(place.as_mut_ptr().cast(), place.len() as i32, from);
                    in_place(place)
                })
            }),
            part("getline", || {
                reads_stream(|from, place| match line(|to, size| libc::getline(to, size, from)) {
                    None => -1,
                    Some(line) => {
                        place[..line.len()].copy_from_slice(&line);
                        line.len() as i64
                    }
                })
            }),
        ]
    }
}

fn start(bytes: &[u8]) -> *const c_void {
    bytes.as_ptr().cast()
}

//! Other sides that do not read: who writes waits, the others go on, and nothing is lost.

use std::cell::Cell;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;

use gevent::joinall;
use gevent::prelude::*;
use gevent::socket::{Socket, TcpStream, UnixDatagram, UnixStream, socketpair};

use crate::steady::steady;
use crate::{Fault, TestResult, errno, python_pair, tcp_pair};

pub(crate) const TESTS: &[Fault] = &[
    ("nobody_reads_for_a_while", || steady(nobody_reads_for_a_while)),
    ("nobody_reads_ever", || steady(nobody_reads_ever)),
    ("a_reader_takes_little_at_a_time", || steady(little_at_a_time)),
    ("a_receiver_of_datagrams_does_not_read", || steady(datagrams)),
];

/// How much each writer sends, more than the system takes for somebody who does not read.
const MUCH: usize = 8 << 20;

/// The byte at a place, which no other place nearby has.
fn byte(at: usize) -> u8 {
    (at % PERIOD) as u8
}

const PERIOD: usize = 251;

/// The first bytes.
fn bytes(len: usize) -> Vec<u8> {
    let period: Vec<_> = (0..PERIOD).map(byte).collect();
    let mut bytes = period.repeat(len / PERIOD + 1);
    bytes.truncate(len);
    bytes
}

/// Reads to the end, and checks each byte.
fn read_all(stream: &mut impl Read, block: usize) -> io::Result<usize> {
    let (mut got, mut buf, expected) = (0, vec![0; block], bytes(PERIOD + block));
    loop {
        let n = stream.read(&mut buf)?;
        if n == 0 {
            return Ok(got);
        }
        assert!(buf[..n] == expected[got % PERIOD..][..n], "{got}");
        got += n;
    }
}

/// A writer that has sent all, or what has stopped it.
type Writer = Greenlet<Result<(), Option<i32>>>;

fn writer(write: impl FnOnce(&[u8]) -> io::Result<()> + 'static) -> Writer {
    spawn(move || match write(&bytes(MUCH)) {
        Err(error) if errno(&error).is_none() => Err(Exception::from(error)),
        written => Ok(written.map_err(|error| errno(&error))),
    })
}

/// Each way to write, and the other side.
fn writers() -> io::Result<Vec<(Writer, Box<dyn Side>)>> {
    let mut writers: Vec<(Writer, Box<dyn Side>)> = Vec::new();
    let (mut a, b) = tcp_pair()?;
    writers.push((writer(move |data| a.write_all(data)), Box::new(b)));
    let (mut a, b) = UnixStream::pair()?;
    writers.push((writer(move |data| a.write_all(data)), Box::new(b)));
    let (mut a, b) = tcp_pair()?;
    let in_parts = move |data: &[u8]| {
        let mut sent = 0;
        while sent < data.len() {
            let (one, two) = data[sent..].split_at((data.len() - sent) / 2);
            sent += a.write_vectored(&[IoSlice::new(one), IoSlice::new(two)])?;
        }
        Ok(())
    };
    writers.push((writer(in_parts), Box::new(b)));
    let (a, b) = python_pair()?;
    writers.push((writer(move |data| a.sendall(data)), Box::new(TcpStream::try_from(b)?)));
    let (a, b) = python_pair()?;
    let by_file = move |data: &[u8]| {
        let mut file = a.makefile("w")?;
        file.write_all(data)?;
        file.close()
    };
    writers.push((writer(by_file), Box::new(TcpStream::try_from(b)?)));
    Ok(writers)
}

/// What does not read.
trait Side: Read {
    /// Ends so that nothing more can be sent to it. (A TCP socket that only ends its reading takes data all the same.)
    fn end(&self, by_shutdown: bool) -> io::Result<()>;
}

impl Side for TcpStream {
    fn end(&self, _: bool) -> io::Result<()> {
        self.close();
        Ok(())
    }
}

impl Side for UnixStream {
    fn end(&self, by_shutdown: bool) -> io::Result<()> {
        if by_shutdown {
            return self.shutdown(Shutdown::Both);
        }
        self.close();
        Ok(())
    }
}

/// Others exchange messages meanwhile.
fn others_go_on() -> TestResult {
    let (mut a, mut b) = tcp_pair()?;
    let echo = spawn(move || Ok(io::copy(&mut b.clone(), &mut b)?));
    for _ in 0..100 {
        a.write_all(b"hello")?;
        let mut answer = [0; 5];
        a.read_exact(&mut answer)?;
        assert_eq!(&answer, b"hello");
    }
    a.shutdown(Shutdown::Write)?;
    assert_eq!(echo.get()?, 500);
    Ok(())
}

fn nobody_reads_for_a_while() -> TestResult {
    let writers = writers()?;
    others_go_on()?;
    let readers: Vec<_> = writers
        .into_iter()
        .map(|(writer, mut side)| {
            assert!(!writer.ready(), "it cannot have sent all");
            spawn(move || {
                let got = read_all(&mut side, 1 << 16)?;
                Ok((writer.get()?, got))
            })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.get()?, (Ok(()), MUCH));
    }
    Ok(())
}

/// The writers end when the other side is closed, when it takes nothing more, by their own close and by a kill.
fn nobody_reads_ever() -> TestResult {
    for by_shutdown in [false, true] {
        let writers = writers()?;
        sleep(0.001)?;
        for (writer, mut side) in writers {
            assert!(!writer.ready());
            side.end(by_shutdown)?;
            // A Unix socket tells the other side when what lies there is read.
            while side.read(&mut [0; 1 << 16]).is_ok_and(|n| n > 0) {}
            drop(side);
            let ended = writer.get()?;
            assert!(matches!(ended, Err(Some(libc::EPIPE | libc::ECONNRESET))), "{ended:?}");
        }
    }
    for (writer, side) in writers()? {
        sleep(0)?;
        writer.kill()?;
        assert!(writer.get().unwrap_err().is::<gevent::GreenletExit>());
        drop(side);
    }
    // The end of a file that is killed while it sends does not wait for the same once more.
    let (a, _b) = socketpair()?;
    a.setblocking(false);
    while a.send(&[0; 1 << 16]).is_ok() {}
    a.setblocking(true);
    let killed = writer(move |data| {
        let mut file = a.makefile("w")?;
        file.write_all(&data[..9])?;
        file.flush()
    });
    sleep(0)?;
    killed.kill()?;
    assert!(killed.get().unwrap_err().is::<gevent::GreenletExit>());
    let (a, _b) = tcp_pair()?;
    let its = a.clone();
    let writer = writer(move |data| (&its).write_all(data));
    sleep(0.001)?;
    a.close();
    assert_eq!(writer.get()?, Err(Some(libc::EBADF)));
    Ok(())
}

fn little_at_a_time() -> TestResult {
    let (mut a, b) = tcp_pair()?;
    b.with_options(|options| options.set_recv_buffer_size(2000))??;
    let mut b = b;
    let writer = spawn(move || {
        for at in 0..5000 {
            a.write_all(&[byte(at)])?;
        }
        Ok(())
    });
    let turns = Rc::new(Cell::new(0));
    let other = spawn({
        let turns = turns.clone();
        move || -> TestResult {
            loop {
                turns.set(turns.get() + 1);
                sleep(0)?;
            }
        }
    });
    assert_eq!(read_all(&mut b, 7)?, 5000);
    writer.get()?;
    assert!(turns.get() > 0);
    other.kill()
}

fn datagrams() -> TestResult {
    let (a, b) = UnixDatagram::pair()?;
    let sender = spawn({
        let a = a.clone();
        move || {
            for i in 0..2000_u32 {
                a.send(&i.to_le_bytes())?;
            }
            Ok(())
        }
    });
    others_go_on()?;
    assert!(!sender.ready());
    let mut buf = [0; 9];
    for i in 0..2000_u32 {
        assert_eq!(b.recv(&mut buf)?, 4);
        assert_eq!(buf[..4], i.to_le_bytes());
    }
    sender.get()?;
    // The receiver goes while somebody waits.
    let fills = |socket: UnixDatagram| {
        spawn(move || {
            Ok::<_, Exception>(loop {
                if let Err(error) = socket.send(b"x") {
                    break error.kind();
                }
            })
        })
    };
    let sender = fills(a);
    sleep(0.001)?;
    assert!(!sender.ready());
    drop(b);
    let ended = sender.get()?;
    assert!(
        matches!(
            ended,
            ErrorKind::ConnectionRefused | ErrorKind::NotConnected | ErrorKind::ConnectionReset
        ),
        "{ended:?}"
    );
    // The same for a receiver at an address, to which many send that are not connected.
    let receiver = Socket::new(libc::AF_UNIX, libc::SOCK_DGRAM, 0)?;
    receiver.bind("")?;
    let name = receiver.getsockname()?;
    let senders: Vec<_> = (0..3)
        .map(|_| {
            let name = name.clone();
            spawn(move || {
                let socket = Socket::new(libc::AF_UNIX, libc::SOCK_DGRAM, 0)?;
                for _ in 0..100 {
                    socket.sendto(b"x", &name)?;
                }
                Ok(())
            })
        })
        .collect();
    for _ in 0..300 {
        assert_eq!(receiver.recv(9)?, b"x");
    }
    joinall(&senders)?;
    senders.iter().try_for_each(Greenlet::get)
}

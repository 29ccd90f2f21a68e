//! Tests copies from one stream to another, and files that are sent.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read, Seek, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use gevent::exceptions::ConcurrentObjectUseError;
use gevent::socket::{
    CopyBidirectionalError, CopyError, SendAllError, Stream, TcpListener, TcpStream, UnixStream, copy,
    copy_bidirectional,
};
use gevent::{Exception, Greenlet, GreenletExit, Kill, Timeout, sleep, spawn};
use sha2::{Digest, Sha256};

use crate::support::{ExpectedError, TestResult, bounded};

/// A stream of either kind, for clients and servers around the copy.
trait Pair: Stream + Read + Write + 'static {
    fn pair() -> Result<(Self, Self), Exception>;
    fn end(&self) -> io::Result<()>;
    fn limit(&self, seconds: f64) -> io::Result<()>;
    fn file(&self, file: &File, offset: u64, count: Option<u64>) -> io::Result<u64>;
}

macro_rules! pairs {
    ($($stream:ident: $pair:expr;)*) => {$(
        impl Pair for $stream {
            fn pair() -> Result<(Self, Self), Exception> {
                $pair
            }

            fn end(&self) -> io::Result<()> {
                self.shutdown(Shutdown::Write)
            }

            fn limit(&self, seconds: f64) -> io::Result<()> {
                self.set_timeout(seconds)
            }

            fn file(&self, file: &File, offset: u64, count: Option<u64>) -> io::Result<u64> {
                self.sendfile(file, offset, count)
            }
        }
    )*};
}

pairs! {
    TcpStream: {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        Ok((client, listener.accept()?.0))
    };
    UnixStream: Ok(UnixStream::pair()?);
}

/// A client, the two streams that are copied, a server, and the greenlet that copies.
type Forwarded<A, B> = (A, A, B, B, Greenlet<(u64, u64)>);

fn forwarded<A: Pair, B: Pair>() -> Result<Forwarded<A, B>, Exception> {
    let ((client, a), (b, server)) = (A::pair()?, B::pair()?);
    let (its_a, its_b) = (a.clone(), b.clone());
    let copier = spawn(move || Ok(copy_bidirectional(&its_a, &its_b)?));
    Ok((client, a, b, server, copier))
}

/// Calls a test with streams of each two kinds.
macro_rules! in_all_pairings {
    ($test:ident) => {{
        $test::<TcpStream, TcpStream>()?;
        $test::<TcpStream, UnixStream>()?;
        $test::<UnixStream, TcpStream>()?;
        $test::<UnixStream, UnixStream>()
    }};
}

/// Random bytes, in which a lost, doubled or swapped block cannot go unnoticed.
struct Random(u64);

impl Random {
    fn fill(&mut self, bytes: &mut [u8]) {
        for word in bytes.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            word.copy_from_slice(&self.0.to_le_bytes()[..word.len()]);
        }
    }
}

/// Sends so many bytes and ends. Returns their hash.
fn send_random(mut stream: impl Pair, total: usize) -> Greenlet<Vec<u8>> {
    spawn(move || {
        let (mut random, mut hash, mut left) = (Random(total as u64), Sha256::new(), total);
        let mut block = vec![0; 300_001];
        while left > 0 {
            let n = block.len().min(left);
            random.fill(&mut block[..n]);
            hash.update(&block[..n]);
            stream.write_all(&block[..n])?;
            left -= n;
        }
        stream.end()?;
        Ok(hash.finalize().to_vec())
    })
}

/// Reads everything. Returns its hash.
fn hash_all(mut stream: impl Read + 'static) -> Greenlet<Vec<u8>> {
    spawn(move || {
        let (mut hash, mut block) = (Sha256::new(), vec![0; 200_000]);
        loop {
            match stream.read(&mut block)? {
                0 => return Ok(hash.finalize().to_vec()),
                n => hash.update(&block[..n]),
            }
        }
    })
}

fn a_lot_both_ways<A: Pair, B: Pair>() -> TestResult {
    const THERE: usize = 100 << 20;
    const BACK: usize = (10 << 20) + 1;
    let (client, _a, _b, server, copier) = forwarded::<A, B>()?;
    let (there, back) = (send_random(client.clone(), THERE), send_random(server.clone(), BACK));
    let (at_server, at_client) = (hash_all(server), hash_all(client));
    assert_eq!(there.get()?, at_server.get()?);
    assert_eq!(back.get()?, at_client.get()?);
    assert_eq!(copier.get()?, (THERE as u64, BACK as u64));
    Ok(())
}

#[test]
fn a_hundred_megabytes_arrive_identical() -> TestResult {
    let _bounded = bounded();
    in_all_pairings!(a_lot_both_ways)
}

/// More copies of large data than a thread has pipes; some of the servers read nothing until the others are done.
#[test]
fn many_at_once() -> TestResult {
    let _bounded = bounded();
    let mut stalled = Vec::new();
    let mut others = Vec::new();
    for number in 0..30 {
        let (client, _a, _b, server, copier) = forwarded::<TcpStream, UnixStream>()?;
        server.end()?;
        let total = (3 << 20) + number;
        let sent = send_random(client, total);
        match number % 2 {
            0 => stalled.push((server, sent, copier, total)),
            _ => others.push((hash_all(server), sent, copier, total)),
        }
    }
    for (number, (read, sent, copier, total)) in others.into_iter().enumerate() {
        assert_eq!(read.get()?, sent.get()?, "{number}");
        assert_eq!(copier.get()?, (total as u64, 0));
    }
    for (server, sent, copier, total) in stalled {
        assert!(!copier.ready());
        assert_eq!(hash_all(server).get()?, sent.get()?);
        assert_eq!(copier.get()?, (total as u64, 0));
    }
    Ok(())
}

fn question_and_answer<A: Pair, B: Pair>() -> TestResult {
    // The client ends first, then the server does; and the other way round.
    for client_first in [true, false] {
        let (mut client, _a, _b, mut server, copier) = forwarded::<A, B>()?;
        let mut text = String::new();
        if client_first {
            client.write_all(b"question")?;
            client.end()?;
            server.read_to_string(&mut text)?;
            assert_eq!(text, "question");
            sleep(0)?;
            assert!(!copier.ready());
            server.write_all(b"answer")?;
            server.end()?;
            client.read_to_string(&mut text)?;
        } else {
            server.write_all(b"welcome")?;
            server.end()?;
            client.read_to_string(&mut text)?;
            assert_eq!(text, "welcome");
            assert!(!copier.ready());
            client.write_all(b"thanks!")?;
            drop(client);
            server.read_to_string(&mut text)?;
        }
        let (there, back) = copier.get()?;
        assert_eq!((there + back) as usize, text.len());
    }
    Ok(())
}

#[test]
fn ends_are_passed_on() -> TestResult {
    let _bounded = bounded();
    in_all_pairings!(question_and_answer)?;
    // A stream that is gone need not be told of the end.
    let (client, a, b, server, _) = forwarded::<UnixStream, UnixStream>()?;
    drop((a, b));
    client.end()?;
    server.end()?;
    let (x, _gone) = TcpStream::pair()?;
    let (y, other) = TcpStream::pair()?;
    other.end()?;
    x.with_options(|x| x.shutdown(Shutdown::Both))??;
    assert_eq!(copy_bidirectional(&x, &y)?, (0, 0));
    Ok(())
}

fn full_and_emptied<A: Pair, B: Pair>() -> TestResult {
    /// More than the buffers of four TCP sockets hold.
    const TOTAL: usize = 50 << 20;
    let (client, _a, _b, server, copier) = forwarded::<A, B>()?;
    server.end()?;
    let sent = send_random(client, TOTAL);
    // The server reads nothing, so its window is 0 in the end, and all wait.
    while !all_wait()? {}
    assert!(!copier.ready() && !sent.ready());
    let read = hash_all(server);
    assert_eq!(read.get()?, sent.get()?);
    assert_eq!(copier.get()?, (TOTAL as u64, 0));
    Ok(())
}

/// Whether nothing has gone on for some time: no greenlet has been switched to but this one.
fn all_wait() -> Result<bool, Exception> {
    let before = gevent::greenlet_core::Ticket::last();
    sleep(0.01)?;
    let after = gevent::greenlet_core::Ticket::last();
    // This sleep itself takes at least one.
    Ok(after - before <= 2)
}

#[test]
fn a_window_of_0_holds_everything_up() -> TestResult {
    let _bounded = bounded();
    in_all_pairings!(full_and_emptied)
}

fn reset(stream: &TcpStream) -> TestResult {
    stream.with_options(|options| options.set_linger(Some(Duration::ZERO)))??;
    stream.close();
    Ok(())
}

#[test]
fn a_reset_ends_both_ways() -> TestResult {
    let _bounded = bounded();
    for small in [true, false] {
        // The client is reset while its data, and the server's, are under way.
        let ((client, a), (b, server)) = (TcpStream::pair()?, UnixStream::pair()?);
        let (its_a, its_b) = (a.clone(), b.clone());
        let copier = spawn(move || Ok(Rc::new(copy_bidirectional(&its_a, &its_b).unwrap_err())));
        let mut data = vec![7; if small { 10 } else { 1 << 20 }];
        let its = client.clone();
        let len = data.len();
        let writer = spawn(move || Ok((&its).write_all(&vec![7; len])?));
        (&server).read_exact(&mut data)?;
        writer.get()?;
        (&server).write_all(b"back")?;
        (&client).read_exact(&mut [0; 4])?;
        reset(&client)?;
        let error = copier.get()?;
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(CopyBidirectionalError::copied_before(&error), (len as u64, 4));
        let source = std::error::Error::source(&*error).expect("it is inside");
        let source = source.downcast_ref::<io::Error>().expect("the system's");
        assert_eq!(source.raw_os_error(), Some(libc::ECONNRESET));
        // The other stream is still open, and the copy has left it.
        server.end()?;
        assert_eq!((&b).read(&mut [0; 9])?, 0);
    }
    // Without any data it is the system's own error.
    let ((client, a), (b, _server)) = (TcpStream::pair()?, UnixStream::pair()?);
    reset(&client)?;
    let error = copy_bidirectional(&a, &b).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET));
    Ok(())
}

#[test]
fn a_writer_that_fails_ends_both_ways() -> TestResult {
    let _bounded = bounded();
    for len in [10, 1 << 20] {
        let (client, _a, b, server, copier) = forwarded::<UnixStream, UnixStream>()?;
        let its = client.clone();
        let writer = spawn(move || Ok((&its).write_all(&vec![7; len])?));
        sleep(0)?;
        drop(server);
        let error = copier.get().unwrap_err();
        let error = error.downcast_ref::<io::Error>().expect("the system's");
        assert!(
            matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
            "{error:?}"
        );
        writer.kill()?;
        assert!(b.take_error().is_ok());
    }
    Ok(())
}

#[test]
fn a_closed_stream_ends_both_ways() -> TestResult {
    let _bounded = bounded();
    for close_a in [true, false] {
        let (mut client, a, b, mut server, copier) = forwarded::<TcpStream, UnixStream>()?;
        client.write_all(b"x")?;
        server.read_exact(&mut [0])?;
        match close_a {
            true => a.close(),
            false => b.close(),
        }
        let error = copier.get().unwrap_err();
        let inside = error
            .downcast_ref::<CopyBidirectionalError>()
            .expect("something was copied");
        assert_eq!(inside.source.raw_os_error(), Some(libc::EBADF));
        assert_eq!(inside.copied, (1, 0));
    }
    Ok(())
}

#[test]
fn the_streams_own_times_limit_each_wait() -> TestResult {
    let _bounded = bounded();
    let (mut client, a, b, mut server, copier) = forwarded::<UnixStream, UnixStream>()?;
    client.write_all(b"x")?;
    server.read_exact(&mut [0])?;
    copier.kill()?;
    b.limit(0.001)?;
    let error = copy_bidirectional(&a, &b).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    a.limit(0.0)?;
    let error = copy_bidirectional(&a, &b).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
    Ok(())
}

/// Another reader of the same stream is an error, which ends both ways.
#[test]
fn a_stream_that_others_read_cannot_be_copied() -> TestResult {
    let _bounded = bounded();
    let ((_client, a), (b, _server)) = (UnixStream::pair()?, UnixStream::pair()?);
    let mut its = b.clone();
    let reader = spawn(move || Ok(its.read(&mut [0])?));
    sleep(0)?;
    let error = Exception::from(copy_bidirectional(&a, &b).unwrap_err());
    assert!(error.is::<ConcurrentObjectUseError>(), "{error:?}");
    // Nobody reads `a` any more.
    a.limit(0.0)?;
    assert_eq!((&a).read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    reader.kill()?;
    Ok(())
}

/// How many greenlets there are when those that are to end have ended.
fn settled(expected: usize) -> TestResult {
    let bound = std::time::Instant::now() + Duration::from_secs(30);
    while gevent::greenlet_core::greenlets().len() > expected {
        assert!(std::time::Instant::now() < bound);
        sleep(0.001)?;
    }
    Ok(())
}

#[test]
fn what_is_thrown_ends_both_ways() -> TestResult {
    let _bounded = bounded();
    sleep(0)?;
    let before = gevent::greenlet_core::greenlets().len();
    for large in [false, true] {
        let (client, a, b, server, copier) = forwarded::<UnixStream, TcpStream>()?;
        let its = client.clone();
        let writer = spawn(move || Ok((&its).write_all(&vec![0; if large { 10 << 20 } else { 1 }])?));
        sleep(0.01)?;
        copier.kill_with(Kill::with(ExpectedError("enough")))?;
        assert!(copier.get().unwrap_err().is::<ExpectedError>());
        writer.kill()?;
        drop((client, server));
        settled(before)?;
        assert!(a.take_error().is_ok() && b.take_error().is_ok());
    }
    // A timeout, in the greenlet itself.
    let ((_client, a), (b, _server)) = (UnixStream::pair()?, UnixStream::pair()?);
    let timeout = Timeout::start_new(0.01);
    let error = Exception::from(copy_bidirectional(&a, &b).unwrap_err());
    assert!(timeout.caused(&error), "{error:?}");
    timeout.close();
    settled(before)?;
    // One way has ended already.
    let (client, _a, _b, _server, copier) = forwarded::<UnixStream, UnixStream>()?;
    client.end()?;
    sleep(0.01)?;
    copier.kill()?;
    assert!(copier.get().unwrap_err().is::<GreenletExit>());
    settled(before)?;
    // The kill comes together with an error of the other way.
    let (_client, _a, b, _server, copier) = forwarded::<UnixStream, UnixStream>()?;
    sleep(0)?;
    b.close();
    copier.kill_with(Kill::with(ExpectedError("enough")))?;
    assert!(copier.get().unwrap_err().is::<ExpectedError>());
    settled(before)
}

// copy

/// A reader with a list of results.
struct Results(Vec<io::Result<&'static [u8]>>);

impl Read for Results {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let data = self.0.remove(0)?;
        buf[..data.len()].copy_from_slice(data);
        Ok(data.len())
    }
}

#[test]
fn any_reader_is_copied_to_any_writer() -> TestResult {
    let _bounded = bounded();
    let mut data = vec![0; 3_000_000];
    Random(7).fill(&mut data);
    // Between things that never wait.
    let mut all = Vec::new();
    assert_eq!(copy(&mut &data[..], &mut all)?, data.len() as u64);
    assert!(all == data);
    assert_eq!(copy(&mut io::empty(), &mut all)?, 0);
    // Through streams, of which one belongs to a thread that blocks.
    let (here, there) = std::os::unix::net::UnixStream::pair()?;
    let sent = data.clone();
    let thread = std::thread::spawn(move || { there }.write_all(&sent));
    let mut from = UnixStream::try_from(OwnedFd::from(here))?;
    let (mut to, end) = TcpStream::pair()?;
    let read = hash_all(end);
    assert_eq!(copy(&mut from, &mut to)?, data.len() as u64);
    to.end()?;
    assert_eq!(read.get()?, Sha256::digest(&data).to_vec());
    thread.join().expect("it does not panic")?;
    Ok(())
}

#[test]
fn a_copy_tells_how_much_it_has_done() -> TestResult {
    let _bounded = bounded();
    let broken = || io::Error::from_raw_os_error(libc::EIO);
    // Nothing was copied: the very error.
    let error = copy(&mut Results(vec![Err(broken())]), &mut io::sink()).unwrap_err();
    assert_eq!(
        (error.raw_os_error(), CopyError::copied_before(&error)),
        (Some(libc::EIO), 0)
    );
    // `Interrupted` does not count.
    let mut reader = Results(vec![
        Ok(b"ab"),
        Err(ErrorKind::Interrupted.into()),
        Ok(b"c"),
        Err(broken()),
    ]);
    let mut all = Vec::new();
    let error = copy(&mut reader, &mut all).unwrap_err();
    assert_eq!((&*all, CopyError::copied_before(&error)), (&b"abc"[..], 3));
    assert_eq!(error.kind(), broken().kind());
    let inside = error.get_ref().and_then(|error| error.downcast_ref::<CopyError>());
    assert_eq!(inside.expect("it tells").source.raw_os_error(), Some(libc::EIO));
    // A stream that takes a part tells how much, and the copy adds that.
    let (mut near, mut far) = UnixStream::pair()?;
    near.limit(0.0)?;
    let error = copy(&mut Cursor::new(vec![7; 10_000_000]), &mut near).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let copied = CopyError::copied_before(&error);
    drop(near);
    assert_eq!(far.read_to_end(&mut Vec::new())? as u64, copied);
    assert!(copied > 0);
    Ok(())
}

// sendfile

/// A file without a name, with these contents.
fn file(data: &[u8]) -> io::Result<File> {
    thread_local! {
        static NUMBER: Cell<u32> = const { Cell::new(0) };
    }
    NUMBER.set(NUMBER.get() + 1);
    let thread = std::thread::current().id();
    let name = format!("gevent-copying-{}-{thread:?}-{}", std::process::id(), NUMBER.get());
    let path = std::env::temp_dir().join(name);
    let mut file = File::options().create_new(true).read(true).write(true).open(&path)?;
    std::fs::remove_file(path)?;
    file.write_all(data)?;
    Ok(file)
}

fn files_are_sent_by<A: Pair>() -> TestResult {
    let mut data = vec![0; 5_000_000];
    Random(9).fill(&mut data);
    let len = data.len() as u64;
    let mut file = file(&data)?;
    file.seek(io::SeekFrom::Start(11))?;
    for (offset, count, expected) in [
        (0, None, &data[..]),
        (10, Some(2_000_000), &data[10..2_000_010]),
        (7, Some(1), &data[7..8]),
        (7, Some(0), &[]),
        (len - 3, Some(9), &data[data.len() - 3..]),
        (len, None, &[]),
        (len + 3, Some(3), &[]),
    ] {
        let (near, far) = A::pair()?;
        let read = hash_all(far);
        assert_eq!(near.file(&file, offset, count)?, expected.len() as u64);
        drop(near);
        assert_eq!(read.get()?, Sha256::digest(expected).to_vec());
        assert_eq!(file.stream_position()?, 11);
    }
    Ok(())
}

#[test]
fn files_are_sent() -> TestResult {
    let _bounded = bounded();
    files_are_sent_by::<TcpStream>()?;
    files_are_sent_by::<UnixStream>()
}

/// The system's `sendfile` does not take every file; then the file is read.
#[cfg(target_os = "linux")]
#[test]
fn files_that_the_system_does_not_send_are_read() -> TestResult {
    let _bounded = bounded();
    for path in ["/proc/self/environ", "/proc/version", "/proc/self/status", "/dev/zero"] {
        let (near, mut far) = UnixStream::pair()?;
        let sent = near.sendfile(&File::open(path)?, 0, Some(40))?;
        assert_eq!(sent, 40, "{path}");
        let mut found = [0; 40];
        far.read_exact(&mut found)?;
        let mut expected = [0; 40];
        File::open(path)?.read_exact(&mut expected)?;
        assert_eq!(found, expected, "{path}");
    }
    Ok(())
}

#[test]
fn a_file_that_is_not_sent_whole() -> TestResult {
    let _bounded = bounded();
    let file = Rc::new(file(&vec![7; 20_000_000])?);
    // Nobody reads: the time is over, or there is none. What was sent is told, and has arrived.
    for seconds in [0.01, 0.0] {
        let (near, mut far) = UnixStream::pair()?;
        near.set_timeout(seconds)?;
        let error = near.sendfile(&file, 0, None).unwrap_err();
        let expected = if seconds == 0.0 {
            ErrorKind::WouldBlock
        } else {
            ErrorKind::TimedOut
        };
        assert_eq!(error.kind(), expected);
        let sent = SendAllError::sent_before(&error);
        drop(near);
        assert_eq!(far.read_to_end(&mut Vec::new())? as u64, sent);
        assert!(sent > 0);
    }
    // It is killed.
    let (near, _far) = TcpStream::pair()?;
    let its = file.clone();
    let sender = spawn(move || Ok(near.sendfile(&its, 0, None)?));
    sleep(0.01)?;
    sender.kill_with(Kill::with(ExpectedError("enough")))?;
    assert!(sender.get().unwrap_err().is::<ExpectedError>());
    // Errors before the first byte are the system's own.
    let (near, _far) = UnixStream::pair()?;
    let only_written = File::options().write(true).open("/dev/null")?;
    assert_eq!(
        near.sendfile(&only_written, 0, None).unwrap_err().raw_os_error(),
        Some(libc::EBADF)
    );
    near.close();
    assert_eq!(
        near.sendfile(&file, 0, None).unwrap_err().raw_os_error(),
        Some(libc::EBADF)
    );
    Ok(())
}

// SIGPIPE

/// Whether a `SIGPIPE` is pending in this thread.
fn is_raised() -> bool {
    // SAFETY: the set is a local, and is initialised by the first call.
    unsafe {
        let mut pending: libc::sigset_t = std::mem::zeroed();
        libc::sigpending(&raw mut pending);
        libc::sigismember(&raw const pending, libc::SIGPIPE) == 1
    }
}

/// Blocks `SIGPIPE` in this thread, or lets it through.
fn mask_sigpipe(how: i32) {
    // SAFETY: the set is a local, and is emptied before any other use.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGPIPE);
        libc::pthread_sigmask(how, &raw const set, std::ptr::null_mut());
    }
}

/// Sends a file to nobody, and forwards a lot to nobody.
fn send_to_nobody<A: Pair, B: Pair>() -> TestResult {
    let file = file(&[7; 100_000])?;
    let (near, far) = A::pair()?;
    drop(far);
    let failed = loop {
        if let Err(error) = near.file(&file, 0, None) {
            break error;
        }
    };
    assert!(matches!(
        failed.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
    ));
    let again = near.file(&file, 0, None).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::BrokenPipe);
    // A part is sent before the other side goes.
    let (near, mut far) = A::pair()?;
    let sender = spawn(move || {
        Ok(Rc::new(
            near.file(&self::file(&vec![7; 20_000_000])?, 0, None).unwrap_err(),
        ))
    });
    far.read_exact(&mut [0; 100_000])?;
    drop(far);
    let error = sender.get()?;
    assert!(SendAllError::sent_before(&error) > 0);

    let (mut client, _a, _b, mut server, copier) = forwarded::<A, B>()?;
    let writer = spawn(move || Ok(client.write_all(&vec![7; 20_000_000])?));
    server.read_exact(&mut [0; 1_000_000])?;
    drop(server);
    assert!(copier.get().is_err());
    writer.kill()?;
    Ok(())
}

#[test]
fn sending_to_nobody_raises_no_signal() -> TestResult {
    let _bounded = bounded();
    mask_sigpipe(libc::SIG_BLOCK);
    assert!(!is_raised());
    in_all_pairings!(send_to_nobody)?;
    assert!(!is_raised());
    // A signal that is pending already stays so.
    // SAFETY: the call sends a signal to this thread, which blocks it.
    unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGPIPE) };
    in_all_pairings!(send_to_nobody)?;
    assert!(is_raised());
    // std ignores the signal, so it has no effect when it is let through.
    mask_sigpipe(libc::SIG_UNBLOCK);
    Ok(())
}

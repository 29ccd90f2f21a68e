//! sendfile, splice, tee.

mod team;

use std::fs::File;
use std::io::{Read, Seek, Write, copy, pipe};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::ptr::null_mut;

use libc::{EAGAIN, EINVAL, SPLICE_F_NONBLOCK, c_int, c_uint};

use team::{Job, Team, as_in_threads, result};

type Moved = Result<usize, c_int>;

const MUCH: usize = 1_000_000;

fn numbers(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

fn file(team: Team, name: &str) -> (File, PathBuf) {
    let path = std::env::temp_dir().join(format!("gevent-monkey-{name}-{}-{team:?}", std::process::id()));
    let mut file = File::options()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    file.write_all(&numbers(MUCH)).unwrap();
    file.rewind().unwrap();
    (file, path)
}

fn reader(team: Team, mut from: impl Read + Send + 'static) -> Job<Vec<u8>> {
    team.spawn(move || {
        let mut got = Vec::new();
        from.read_to_end(&mut got).unwrap();
        got
    })
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (one, listener.accept().unwrap().0)
}

fn sendfile(to: RawFd, from: RawFd, offset: Option<&mut i64>, count: usize) -> Moved {
    // SAFETY: the offset is a variable.
    result(unsafe { libc::sendfile(to, from, offset.map_or(null_mut(), |offset| offset), count) })
}

fn splice(from: RawFd, to: RawFd, len: usize, flags: c_uint) -> Moved {
    // SAFETY: there are no offsets.
    result(unsafe { libc::splice(from, null_mut(), to, null_mut(), len, flags) })
}

/// std copies by sendfile, splice or copy_file_range, whichever fits.
#[test]
fn std_copies() {
    fn program(team: Team) -> [u64; 4] {
        let (mut from, path) = file(team, "copies");
        let (mut one, other) = tcp_pair();
        let received = team.spawn(move || {
            // From a socket to a pipe, and then into memory.
            let (piped, mut into_pipe) = pipe().unwrap();
            let all = reader(team, piped);
            let mut other = other;
            let count = copy(&mut other, &mut into_pipe).unwrap();
            drop(into_pipe);
            assert!(all.join() == numbers(MUCH));
            count
        });
        let sent = copy(&mut from, &mut one).unwrap();
        drop(one);
        let received = received.join();

        // From a file to a pipe to a socket.
        from.rewind().unwrap();
        let (mut piped, mut into_pipe) = pipe().unwrap();
        let (mut one, other) = UnixStream::pair().unwrap();
        let all = reader(team, other);
        let into_socket = team.spawn(move || copy(&mut piped, &mut one).unwrap());
        let into_pipe = {
            let count = copy(&mut from, &mut into_pipe).unwrap();
            drop(into_pipe);
            count
        };
        let into_socket = into_socket.join();
        assert!(all.join() == numbers(MUCH));
        std::fs::remove_file(path).unwrap();
        [sent, received, into_pipe, into_socket]
    }
    assert_eq!(as_in_threads(program), [MUCH as u64; 4]);
}

#[test]
fn sendfile_sends_all_to_a_socket() {
    fn program(team: Team) -> Vec<Moved> {
        let (mut from, path) = file(team, "sendfile");
        let fd = from.as_raw_fd();
        let mut results = Vec::new();
        let (one, other) = tcp_pair();
        let all = reader(team, other);
        let mut offset = 10;
        results.push(sendfile(one.as_raw_fd(), fd, Some(&mut offset), MUCH - 20));
        assert_eq!((offset, from.stream_position().unwrap()), (MUCH as i64 - 10, 0));
        // More than there is.
        results.push(sendfile(one.as_raw_fd(), fd, None, 2 * MUCH));
        results.push(sendfile(one.as_raw_fd(), fd, None, 2 * MUCH));
        drop(one);
        let got = all.join();
        let expected = numbers(MUCH);
        assert!(got[..MUCH - 20] == expected[10..MUCH - 10] && got[MUCH - 20..] == expected);
        // A socket that does not block.
        let (one, _other) = UnixStream::pair().unwrap();
        one.set_nonblocking(true).unwrap();
        from.rewind().unwrap();
        let some = sendfile(one.as_raw_fd(), fd, None, MUCH).unwrap();
        assert!((1..MUCH).contains(&some));
        assert_eq!(from.stream_position().unwrap(), some as u64);
        results.push(sendfile(one.as_raw_fd(), fd, None, MUCH));
        std::fs::remove_file(path).unwrap();
        results
    }
    assert_eq!(as_in_threads(program), [Ok(MUCH - 20), Ok(MUCH), Ok(0), Err(EAGAIN)]);
}

#[test]
fn sendfile_to_a_pipe_and_to_a_file() {
    fn program(team: Team) -> Moved {
        let (mut from, path) = file(team, "sendfile-pipe");
        let (piped, into_pipe) = pipe().unwrap();
        let all = reader(team, piped);
        let mut sent = 0;
        loop {
            match sendfile(into_pipe.as_raw_fd(), from.as_raw_fd(), None, MUCH).unwrap() {
                0 => break,
                more => sent += more,
            }
        }
        assert_eq!(sent, MUCH);
        drop(into_pipe);
        assert!(all.join() == numbers(MUCH));
        from.rewind().unwrap();
        let (into_file, other_path) = file(team, "sendfile-file");
        let sent = sendfile(into_file.as_raw_fd(), from.as_raw_fd(), None, MUCH);
        assert!(std::fs::read(&other_path).unwrap() == numbers(MUCH));
        std::fs::remove_file(path).unwrap();
        std::fs::remove_file(other_path).unwrap();
        sent
    }
    assert_eq!(as_in_threads(program), Ok(MUCH));
}

#[test]
fn splice_waits_for_both_sides() {
    fn program(team: Team) -> Vec<Moved> {
        let (one_end, one_start) = pipe().unwrap();
        let (other_end, other_start) = pipe().unwrap();
        let writer = team.spawn(move || {
            let mut start = one_start;
            start.write_all(&numbers(MUCH)).unwrap();
        });
        let all = reader(team, other_end);
        let mut moved = 0;
        loop {
            match splice(one_end.as_raw_fd(), other_start.as_raw_fd(), MUCH, 0).unwrap() {
                0 => break,
                more => moved += more,
            }
        }
        writer.join();
        drop(other_start);
        assert!(all.join() == numbers(MUCH));
        let mut results = vec![Ok(moved)];

        // Those that are not to wait do not.
        let (end, mut start) = pipe().unwrap();
        let (other_end, other_start) = pipe().unwrap();
        let (from, to) = (end.as_raw_fd(), other_start.as_raw_fd());
        results.push(splice(from, to, 10, SPLICE_F_NONBLOCK));
        start.write_all(b"hello").unwrap();
        // SAFETY: no conditions.
        results.push(result(unsafe { libc::tee(from, to, 10, 0) }));
        results.push(splice(from, to, 10, 0));
        results.push(splice(from, to, 0, 0));
        let (socket, _other) = UnixStream::pair().unwrap();
        results.push(splice(socket.as_raw_fd(), socket.as_raw_fd(), 10, 0));
        // SAFETY: flags.
        assert_eq!(unsafe { libc::fcntl(from, libc::F_SETFL, libc::O_NONBLOCK) }, 0);
        results.push(splice(from, to, 10, 0));
        drop(start);
        results.push(splice(from, to, 10, 0));
        drop((end, other_start));
        let mut text = String::new();
        { other_end }.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hellohello");
        results
    }
    let results = as_in_threads(program);
    let invalid = Err(libc::EINVAL);
    assert_eq!(
        results[1..],
        [Err(EAGAIN), Ok(5), Ok(5), Ok(0), invalid, Err(EAGAIN), Ok(0)]
    );
}

#[test]
fn tee_waits() {
    fn program(team: Team) -> Moved {
        let (end, mut start) = pipe().unwrap();
        let (mut copied, other_start) = pipe().unwrap();
        let writer = team.spawn(move || start.write_all(b"hello").unwrap());
        // SAFETY: no conditions.
        let teed = result(unsafe { libc::tee(end.as_raw_fd(), other_start.as_raw_fd(), 100, 0) });
        writer.join();
        drop(other_start);
        let mut text = String::new();
        copied.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        teed
    }
    assert_eq!(as_in_threads(program), Ok(5));
}

/// The kernel sends what has offsets only, and refuses the rest at once.
#[test]
fn sendfile_from_what_is_no_file_is_refused() {
    fn program(_: Team) -> Vec<Moved> {
        let (socket, _other) = UnixStream::pair().unwrap();
        let (reader, _writer) = pipe().unwrap();
        let (_reader, writer) = pipe().unwrap();
        let (out, pipe) = (socket.as_raw_fd(), writer.as_raw_fd());
        vec![
            sendfile(out, socket.as_raw_fd(), None, 10),
            sendfile(out, reader.as_raw_fd(), None, 10),
            sendfile(pipe, reader.as_raw_fd(), None, 10),
        ]
    }
    assert_eq!(as_in_threads(program), [Err(EINVAL); 3]);
}

//! std's descriptors.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::in_virtual_thread;

/// Calls `f` while another virtual thread counts, and returns how far it has come.
fn turns_of_others_in<R>(f: impl FnOnce() -> R) -> (usize, R) {
    let (stop, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (theirs, count) = (stop.clone(), turns.clone());
    let ticker = thread::spawn(move || {
        while !theirs.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(1));
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let result = f();
    let turns = turns.load(Ordering::Relaxed);
    stop.store(true, Ordering::Relaxed);
    ticker.join().unwrap();
    (turns, result)
}

#[test]
fn commands_with_pipes() {
    in_virtual_thread(|| {
        let threads: Vec<_> = (0..10)
            .map(|n| {
                thread::spawn(move || {
                    let mut child = Command::new("sh")
                        .args(["-c", "sleep 0.02; cat; echo error >&2; exit 3"])
                        .stdin(Stdio::piped())
                        .stdout(Stdio::piped())
                        .stderr(Stdio::piped())
                        .spawn()
                        .unwrap();
                    let text = format!("{n}").repeat(100_000);
                    let sent = text.clone();
                    let mut stdin = child.stdin.take().unwrap();
                    let writer = thread::spawn(move || stdin.write_all(sent.as_bytes()).unwrap());
                    let output = child.wait_with_output().unwrap();
                    writer.join().unwrap();
                    assert!(output.stdout == text.as_bytes());
                    assert_eq!(
                        (output.stderr.as_slice(), output.status.code()),
                        (&b"error\n"[..], Some(3))
                    );
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let (turns, status) = turns_of_others_in(|| Command::new("sleep").arg("0.1").status().unwrap());
        assert!(status.success() && turns > 0, "{turns}");
    });
}

#[test]
fn pre_exec_forks() {
    in_virtual_thread(|| {
        use std::os::unix::process::CommandExt;
        let (mut held, _other) = UnixStream::pair().unwrap();
        let waiter = thread::spawn(move || held.read(&mut [0]).unwrap());
        let threads: Vec<_> = (0..10)
            .map(|n| {
                thread::spawn(move || {
                    let mut command = Command::new("echo");
                    command.arg(n.to_string());
                    // SAFETY: the call may be made there.
                    unsafe { command.pre_exec(|| Ok(_ = libc::usleep(1000))) };
                    assert_eq!(command.output().unwrap().stdout, format!("{n}\n").as_bytes());
                    let failed = Command::new("/nowhere").uid(0).spawn().unwrap_err();
                    assert_eq!(failed.kind(), io::ErrorKind::NotFound);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        drop(_other);
        assert_eq!(waiter.join().unwrap(), 0);
    });
}

#[test]
fn datagrams() {
    in_virtual_thread(|| {
        let (one, other) = (
            UdpSocket::bind("127.0.0.1:0").unwrap(),
            UdpSocket::bind("127.0.0.1:0").unwrap(),
        );
        let to = one.local_addr().unwrap();
        let sender = thread::spawn(move || {
            sleep(Duration::from_millis(2));
            other.send_to(b"hello", to).unwrap();
        });
        let mut buffer = [0; 10];
        assert_eq!(one.recv_from(&mut buffer).unwrap().0, 5);
        sender.join().unwrap();
        one.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let (started, failed) = (Instant::now(), one.recv_from(&mut buffer).unwrap_err());
        assert!(failed.kind() == io::ErrorKind::WouldBlock && started.elapsed() >= Duration::from_millis(4));

        let (one, other) = UnixDatagram::pair().unwrap();
        let sender = thread::spawn(move || {
            (0..2000_u32).for_each(|n| assert_eq!(one.send(&n.to_ne_bytes()).unwrap(), 4));
        });
        let mut bytes = [0; 4];
        for n in 0..2000 {
            assert_eq!(other.recv(&mut bytes).unwrap(), 4);
            assert_eq!(u32::from_ne_bytes(bytes), n);
        }
        sender.join().unwrap();
    });
}

#[test]
fn time_limits_of_streams() {
    in_virtual_thread(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let _served = listener.accept().unwrap();
        client.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        client.set_write_timeout(Some(Duration::from_millis(5))).unwrap();
        // On a busy machine the time may be over before anybody has had a turn, but not again and again.
        let has_turns = (0..200).any(|_| {
            let (turns, failed) = turns_of_others_in(|| client.read(&mut [0]).unwrap_err());
            assert_eq!(failed.kind(), io::ErrorKind::WouldBlock);
            turns > 0
        });
        assert!(has_turns);
        let mut sent = 0;
        let failed = loop {
            match client.write(&[1; 1 << 16]) {
                Ok(more) => sent += more,
                Err(error) => break error,
            }
        };
        assert!(failed.kind() == io::ErrorKind::WouldBlock && sent > 0);
        client.set_nonblocking(true).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let late = TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap();
        drop(late);
    });
}

#[test]
fn copies_between_descriptors_of_all_kinds() {
    in_virtual_thread(|| {
        let path = std::env::temp_dir().join(format!("attack-{}", std::process::id()));
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        // From a file to a socket that is slow to be read.
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let reader = thread::spawn(move || {
            let mut got = Vec::new();
            let mut buffer = [0; 10_000];
            loop {
                sleep(Duration::from_micros(500));
                match other.read(&mut buffer).unwrap() {
                    0 => return got,
                    more => got.extend_from_slice(&buffer[..more]),
                }
            }
        });
        let mut file = File::open(&path).unwrap();
        assert_eq!(io::copy(&mut file, &mut one).unwrap(), 1_000_000);
        drop(one);
        assert!(reader.join().unwrap() == bytes);
        // From a process to a file, by a pipe that is silent at times.
        let mut child = Command::new("sh")
            .args(["-c", "for n in 1 2 3 4 5; do sleep 0.01; echo $n; done"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (turns, _) = turns_of_others_in(|| {
            let mut file = File::create(&path).unwrap();
            assert_eq!(io::copy(child.stdout.as_mut().unwrap(), &mut file).unwrap(), 10);
        });
        assert!(turns > 0, "{turns}");
        child.wait().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n3\n4\n5\n");
        // From a pipe to a pipe, to a socket, which wait for each other.
        let (mut from, into) = io::pipe().unwrap();
        let (to, mut socket) = UnixStream::pair().unwrap();
        let writer = thread::spawn({
            let bytes = bytes.clone();
            let mut into = into;
            move || into.write_all(&bytes).unwrap()
        });
        let copier = thread::spawn(move || {
            let mut to = to;
            io::copy(&mut from, &mut to).unwrap()
        });
        let mut got = Vec::new();
        socket.read_to_end(&mut got).unwrap();
        assert!(got == bytes);
        writer.join().unwrap();
        assert_eq!(copier.join().unwrap(), 1_000_000);
        std::fs::remove_file(path).unwrap();
    });
}

#[test]
fn large_vectors_of_buffers() {
    in_virtual_thread(|| {
        fn carry(from: OwnedFd, into: OwnedFd) {
            let (mut from, mut into) = (File::from(from), File::from(into));
            let writer = thread::spawn(move || {
                let parts: Vec<Vec<u8>> = (0..1000).map(|n| vec![n as u8; n]).collect();
                let mut slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
                let mut left = &mut slices[..];
                let mut calls = 0;
                while !left.is_empty() {
                    let written = into.write_vectored(left).unwrap();
                    IoSlice::advance_slices(&mut left, written);
                    calls += 1;
                }
                calls
            });
            let mut got = Vec::new();
            from.read_to_end(&mut got).unwrap();
            let all: Vec<u8> = (0..1000).flat_map(|n| vec![n as u8; n]).collect();
            assert!(got == all);
            // As by a call that blocks.
            assert_eq!(writer.join().unwrap(), 1);
        }
        let (one, other) = UnixStream::pair().unwrap();
        carry(one.into(), other.into());
        let (from, into) = io::pipe().unwrap();
        carry(from.into(), into.into());
    });
}

#[test]
fn a_named_fifo_is_read_and_written() {
    in_virtual_thread(|| {
        let path = std::env::temp_dir().join(format!("attack-fifo-{}", std::process::id()));
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: the name ends with a zero.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        // Both ends at once, so that nobody waits for the other one.
        let both = File::options().read(true).write(true).open(&path).unwrap();
        let mut from = File::open(&path).unwrap();
        let mut into = File::options().write(true).open(&path).unwrap();
        drop(both);
        let writer = thread::spawn(move || {
            sleep(Duration::from_millis(2));
            into.write_all(&[5; 300_000]).unwrap();
        });
        let mut got = Vec::new();
        from.read_to_end(&mut got).unwrap();
        assert!(got == [5; 300_000]);
        writer.join().unwrap();
        std::fs::remove_file(path).unwrap();
    });
}

/// Another real thread closes what a virtual one waits for, and makes a new one of the same number.
#[test]
fn closed_by_another_thread_and_made_again() {
    in_virtual_thread(|| {
        for _ in 0..100 {
            let (one, _other) = UnixStream::pair().unwrap();
            let fd = one.into_raw_fd();
            let waits = thread::spawn(move || {
                let mut byte = [0_u8];
                // SAFETY: the buffer is a variable.
                let got = unsafe { libc::read(fd, byte.as_mut_ptr().cast(), 1) };
                (got, io::Error::last_os_error().raw_os_error(), byte)
            });
            // It runs before this goes on.
            sleep(Duration::from_millis(1));
            let real = gevent_monkey::real_threads(|| {
                thread::spawn(move || {
                    // SAFETY: it was given up above.
                    drop(unsafe { OwnedFd::from_raw_fd(fd) });
                    let (one, mut other) = UnixStream::pair().unwrap();
                    other.write_all(b"secret").unwrap();
                    (one, other)
                })
            });
            let kept = real.join().unwrap();
            let (got, errno, byte) = waits.join().unwrap();
            assert_eq!((got, errno, byte), (-1, Some(libc::EBADF), [0]));
            drop(kept);
        }
    });
}

/// A socket that lingers is closed once its peer has taken all, which is a virtual thread of the same carrier.
#[test]
fn a_close_that_lingers() {
    use std::os::fd::AsRawFd;
    in_virtual_thread(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut other, _) = listener.accept().unwrap();
        let seconds = libc::linger {
            l_onoff: 1,
            l_linger: 60,
        };
        // SAFETY: the option is two numbers.
        let set = unsafe {
            let size = size_of_val(&seconds) as libc::socklen_t;
            let option = (&raw const seconds).cast();
            libc::setsockopt(one.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, option, size)
        };
        assert_eq!(set, 0);
        one.set_nonblocking(true).unwrap();
        let mut sent = 0;
        while let Ok(more) = one.write(&[1; 65536]) {
            sent += more;
        }
        let is_closed = Arc::new(AtomicBool::new(false));
        let theirs = is_closed.clone();
        let closer = thread::spawn(move || {
            drop(one);
            theirs.store(true, Ordering::SeqCst);
        });
        // It runs before this goes on.
        sleep(Duration::from_millis(1));
        assert!(!is_closed.load(Ordering::SeqCst));
        let mut got = Vec::new();
        other.read_to_end(&mut got).unwrap();
        assert_eq!(got.len(), sent);
        closer.join().unwrap();
    });
}

//! Queues of messages, and `vmsplice`: the same in real threads and in virtual ones.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod team;

use std::ffi::CString;
use std::io::{Read, pipe};
use std::mem::zeroed;
use std::os::fd::AsRawFd;
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{c_char, c_int, iovec, mqd_t, timespec};

use team::{Team, as_in_threads, result};

const SIZE: usize = 16;

/// A queue with room for two messages.
struct Queue(mqd_t);

impl Queue {
    fn new(flags: c_int) -> Option<Queue> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = CString::new(format!("/gevent-monkey-{}-{number}", std::process::id())).unwrap();
        // SAFETY: attributes are numbers.
        let mut attributes: libc::mq_attr = unsafe { zeroed() };
        (attributes.mq_maxmsg, attributes.mq_msgsize) = (2, SIZE as _);
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | flags;
        // SAFETY: the name ends with a zero, and the attributes are a variable.
        let queue = unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, &raw const attributes) };
        // SAFETY: as above.
        unsafe { libc::mq_unlink(name.as_ptr()) };
        (queue >= 0).then_some(Queue(queue))
    }

    fn send(&self, byte: u8, time: Option<timespec>) -> Result<usize, c_int> {
        let time = time.as_ref().map_or(null(), std::ptr::from_ref);
        let message = (&raw const byte).cast::<c_char>();
        // SAFETY: the message and the time are variables.
        result(unsafe { libc::mq_timedsend(self.0, message, 1, u32::from(byte % 3), time) } as _)
    }

    fn receive(&self, time: Option<timespec>) -> Result<(u8, u32), c_int> {
        let (mut bytes, mut priority) = ([0_u8; SIZE], 9);
        let time = time.as_ref().map_or(null(), std::ptr::from_ref);
        let place = bytes.as_mut_ptr().cast();
        // SAFETY: there is place for a message, and the others are variables.
        result(unsafe { libc::mq_timedreceive(self.0, place, SIZE, &raw mut priority, time) })?;
        Ok((bytes[0], priority))
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: it is this one's.
        unsafe { libc::mq_close(self.0) };
    }
}

fn in_milliseconds(more: i64) -> timespec {
    // SAFETY: a time is two numbers, and the place is a variable's.
    let mut time: timespec = unsafe { zeroed() };
    // SAFETY: as above.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
    time.tv_nsec += more * 1_000_000;
    time.tv_sec += time.tv_nsec / 1_000_000_000;
    time.tv_nsec %= 1_000_000_000;
    time
}

#[test]
fn messages_are_sent_and_received() {
    fn program(team: Team) -> Option<Vec<u8>> {
        let queues = Arc::new((Queue::new(0)?, Queue::new(0)?));
        let theirs = queues.clone();
        let echo = team.spawn(move || {
            for _ in 0..200 {
                // By the functions without a time.
                let mut byte = [0_u8; SIZE];
                // SAFETY: there is place for a message.
                let got = unsafe { libc::mq_receive(theirs.0.0, byte.as_mut_ptr().cast(), SIZE, null_mut()) };
                assert_eq!(got, 1);
                // SAFETY: the message is a variable.
                assert_eq!(unsafe { libc::mq_send(theirs.1.0, byte.as_ptr().cast(), 1, 0) }, 0);
            }
        });
        let theirs = queues.clone();
        let sender = team.spawn(move || (0..200).for_each(|n| assert_eq!(theirs.0.send(n, None), Ok(0))));
        let mut got: Vec<u8> = (0..200).map(|_| queues.1.receive(None).unwrap().0).collect();
        sender.join();
        echo.join();
        got.sort_unstable();
        Some(got)
    }
    match as_in_threads(program) {
        Some(got) => assert_eq!(got, (0..200).collect::<Vec<u8>>()),
        None => eprintln!("SKIPPED: there are no queues of messages here"),
    }
}

#[test]
fn limits_of_time_and_flags_hold() {
    type Ends = (Vec<Result<usize, c_int>>, Vec<Result<(u8, u32), c_int>>);
    fn program(_: Team) -> Option<Ends> {
        let (queue, quick) = (Queue::new(0)?, Queue::new(libc::O_NONBLOCK)?);
        let bad = timespec {
            tv_nsec: -1,
            ..in_milliseconds(0)
        };
        let mut received = vec![
            queue.receive(Some(in_milliseconds(0))),
            queue.receive(Some(in_milliseconds(3))),
            queue.receive(Some(bad)),
            quick.receive(None),
        ];
        let sent = vec![
            queue.send(1, Some(in_milliseconds(0))),
            queue.send(2, Some(bad)),
            queue.send(5, None),
            queue.send(3, Some(in_milliseconds(3))),
            queue.send(3, Some(bad)),
            quick.send(1, None),
            quick.send(1, None),
            quick.send(1, None),
        ];
        received.push(queue.receive(Some(in_milliseconds(0))));
        received.push(queue.receive(None));
        Some((sent, received))
    }
    as_in_threads(program);
}

/// More than fits into the pipe, from memory; and back into memory.
#[test]
fn vmsplice_waits() {
    fn program(team: Team) -> (usize, bool, Result<usize, c_int>) {
        const MUCH: usize = 300_000;
        fn vmsplice(pipe: c_int, bytes: &mut [u8], flags: u32) -> Result<usize, c_int> {
            let buffer = iovec {
                iov_base: bytes.as_mut_ptr().cast(),
                iov_len: bytes.len(),
            };
            // SAFETY: the buffer is that of the bytes, which stay as they are until the pipe is empty.
            result(unsafe { libc::vmsplice(pipe, &raw const buffer, 1, flags) })
        }
        let (mut from, into) = pipe().unwrap();
        let writer = team.spawn(move || {
            let mut bytes: Vec<u8> = (0..MUCH).map(|n| (n % 251) as u8).collect();
            let mut done = 0;
            while done < MUCH {
                done += vmsplice(into.as_raw_fd(), &mut bytes[done..], 0).unwrap();
            }
            // The bytes live until they are read.
            (into, bytes)
        });
        let mut got = vec![0; MUCH];
        let mut done = vmsplice(from.as_raw_fd(), &mut got, 0).unwrap();
        while done < MUCH {
            done += from.read(&mut got[done..]).unwrap();
        }
        let (into, bytes) = writer.join();
        let nothing = vmsplice(from.as_raw_fd(), &mut [0], libc::SPLICE_F_NONBLOCK);
        drop(into);
        (done, got == bytes, nothing)
    }
    assert_eq!(as_in_threads(program), (300_000, true, Err(libc::EAGAIN)));
}

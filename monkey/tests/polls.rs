//! Waits for several descriptors in virtual threads.

mod team;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};

use gevent_monkey::stats;
use gevent_threading::spawn;
use libc::{POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDHUP, c_int, c_short};
use team::{as_in_thread, mask, milliseconds, pair, parked, test, until};

fn poll(entries: &[(RawFd, c_short)], milliseconds: c_int) -> (c_int, Vec<c_short>) {
    let entry = |(fd, events): &(RawFd, c_short)| libc::pollfd {
        fd: *fd,
        events: *events,
        revents: -1,
    };
    let mut fds: Vec<_> = entries.iter().map(entry).collect();
    // SAFETY: the list is as long as is said.
    let ready = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as _, milliseconds) };
    (ready, fds.iter().map(|entry| entry.revents).collect())
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mine = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (mine, listener.accept().unwrap().0)
}

fn out_of_band(stream: &TcpStream) {
    // SAFETY: the byte is there.
    let sent = unsafe { libc::send(stream.as_raw_fd(), b"!".as_ptr().cast(), 1, libc::MSG_OOB) };
    assert_eq!(sent, 1);
}

#[test]
fn a_hundred_polls_at_once() {
    test(|| {
        let (mut mine, theirs) = pair();
        let fd = theirs.as_raw_fd();
        let pollers: Vec<_> = (0..100)
            .map(|_| parked(move || poll(&[(fd, POLLIN)], 100_000).0))
            .collect();
        assert_eq!(stats().waiting, 100);
        mine.write_all(b"x").unwrap();
        for poller in pollers {
            assert_eq!(poller.join().unwrap(), 1);
        }
    });
}

#[test]
fn a_poll_has_its_time() {
    test(|| {
        let pollers = [true, false].map(|some| {
            spawn(move || {
                let (started, (_mine, theirs)) = (Instant::now(), pair());
                let entries = [(theirs.as_raw_fd(), POLLIN)];
                let ready = poll(if some { &entries } else { &[] }, 30).0;
                (ready, started.elapsed() >= Duration::from_millis(30))
            })
        });
        for poller in pollers {
            assert_eq!(poller.join().unwrap(), (0, true));
        }
    });
}

#[test]
fn a_poll_ends_by_readiness() {
    test(|| {
        let (mut mine, theirs) = pair();
        let poller = parked(move || {
            let polled = poll(&[(theirs.as_raw_fd(), POLLIN)], -1);
            let mut text = [0];
            (&theirs).read_exact(&mut text).unwrap();
            (polled, text)
        });
        mine.write_all(b"x").unwrap();
        assert_eq!(poller.join().unwrap(), ((1, vec![POLLIN]), *b"x"));
    });
}

/// Each of these events alone, and with others that do not come.
#[test]
fn a_poll_ends_by_each_kind_of_event() {
    test(|| {
        for more in [0, POLLIN, POLLPRI] {
            let (mine, theirs) = tcp();
            let poller = parked(move || poll(&[(theirs.as_raw_fd(), POLLRDHUP | more & !POLLIN)], -1));
            mine.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(poller.join().unwrap(), (1, vec![POLLRDHUP]));

            let (mine, theirs) = pair();
            let poller = parked(move || poll(&[(theirs.as_raw_fd(), more)], -1));
            drop(mine);
            assert_eq!(poller.join().unwrap(), (1, vec![POLLHUP | more & POLLIN]));

            let (reader, writer) = std::io::pipe().unwrap();
            fill(&writer);
            let poller = parked(move || poll(&[(writer.as_raw_fd(), more & POLLPRI)], -1));
            drop(reader);
            assert_eq!(poller.join().unwrap(), (1, vec![POLLERR]));
        }
        let (mine, theirs) = tcp();
        let poller = parked(move || poll(&[(theirs.as_raw_fd(), POLLPRI)], -1));
        out_of_band(&mine);
        assert_eq!(poller.join().unwrap(), (1, vec![POLLPRI]));

        let (mut reader, writer) = std::io::pipe().unwrap();
        fill(&writer);
        let poller = parked(move || poll(&[(writer.as_raw_fd(), POLLOUT)], -1));
        let mut place = vec![0; 1 << 16];
        reader.read_exact(&mut place).unwrap();
        assert_eq!(poller.join().unwrap(), (1, vec![POLLOUT]));
    });
}

/// Writes to a pipe until it is full.
fn fill(writer: &impl AsRawFd) {
    while poll(&[(writer.as_raw_fd(), POLLOUT)], 0).0 == 1 {
        // SAFETY: the bytes are there.
        let written = unsafe { libc::write(writer.as_raw_fd(), [0_u8; 4096].as_ptr().cast(), 4096) };
        assert!(written > 0);
    }
}

#[test]
fn hundreds_of_descriptors_are_polled() {
    test(|| {
        for count in [16, 17, 300] {
            let (mut mine, theirs): (Vec<_>, Vec<_>) = (0..count).map(|_| pair()).unzip();
            let poller = parked(move || {
                // One of them twice, and one that is none.
                let mut entries: Vec<_> = theirs.iter().map(|stream| (stream.as_raw_fd(), POLLIN)).collect();
                entries.push((theirs[0].as_raw_fd(), POLLRDHUP));
                entries.push((-1, POLLIN));
                let (ready, events) = poll(&entries, -1);
                let at = events.iter().position(|events| *events != 0);
                (ready, at)
            });
            let last = mine.len() - 1;
            mine[last].write_all(b"x").unwrap();
            assert_eq!(poller.join().unwrap(), (1, Some(last)));
        }
    });
}

#[test]
fn what_the_kernel_says_at_once_is_said() {
    test(|| {
        let bad = || poll(&[(12345, POLLIN), (-7, POLLIN)], 1000);
        assert_eq!(as_in_thread(bad), (1, vec![POLLNVAL, 0]));
        as_in_thread(|| {
            let file = std::fs::File::open("/proc/self/exe").unwrap();
            poll(&[(file.as_raw_fd(), POLLIN | POLLOUT)], 1000)
        });
        as_in_thread(|| {
            let file = std::fs::File::open("/proc/self/exe").unwrap();
            poll(&[(file.as_raw_fd(), POLLPRI)], 20)
        });
        as_in_thread(|| {
            // SAFETY: the kernel finds no list there, and says so.
            let ready = unsafe { libc::poll(16 as *mut libc::pollfd, 1, 1000) };
            (ready, std::io::Error::last_os_error().raw_os_error())
        });
        as_in_thread(|| {
            let mut entry = libc::pollfd {
                fd: 12345,
                events: POLLIN,
                revents: 0,
            };
            let time = libc::timespec { tv_sec: 0, tv_nsec: -1 };
            // SAFETY: all pointers are those of variables.
            let ready = unsafe { libc::ppoll(&raw mut entry, 1, &raw const time, null()) };
            (ready, std::io::Error::last_os_error().raw_os_error())
        });
    });
}

/// With the mask that the thread has, it parks. With another one, the kernel must wait.
#[test]
fn a_signal_mask_is_the_kernels() {
    test(|| {
        for (blocked, parks) in [(vec![], true), (vec![libc::SIGUSR1], false)] {
            let before = stats().parked;
            let waits = spawn(move || {
                let mask = mask(&blocked);
                let (mask, time) = (&raw const mask, milliseconds(5));
                // SAFETY: all pointers are null, or those of variables; the descriptor is new.
                unsafe {
                    let epoll = OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC));
                    let mut event = libc::epoll_event { events: 0, u64: 0 };
                    [
                        libc::ppoll(null_mut(), 0, &raw const time, mask),
                        libc::pselect(0, null_mut(), null_mut(), null_mut(), &raw const time, mask),
                        libc::epoll_pwait(epoll.as_raw_fd(), &raw mut event, 1, 5, mask),
                        libc::epoll_pwait2(epoll.as_raw_fd(), &raw mut event, 1, &raw const time, mask),
                    ]
                }
            });
            assert_eq!(waits.join().unwrap(), [0; 4]);
            assert_eq!(stats().parked - before >= 4, parks);
            assert!(parks || stats().parked == before);
        }
    });
}

/// A select with sets of any size: the descriptors that are ready, or the `errno`; and whether some time was left.
fn select(end: c_int, sets: [&[RawFd]; 3], time: Option<Duration>) -> (Result<[Vec<RawFd>; 3], Option<i32>>, bool) {
    let mut words = sets.map(|fds| {
        let mut words = vec![0_u64; usize::try_from(end).unwrap_or(0).div_ceil(64).max(1)];
        for fd in fds {
            words[*fd as usize / 64] |= 1 << (fd % 64);
        }
        words
    });
    let [read, write, except] = words.each_mut().map(|words| words.as_mut_ptr().cast());
    let mut value = libc::timeval { tv_sec: 0, tv_usec: 0 };
    if let Some(time) = time {
        (value.tv_sec, value.tv_usec) = (time.as_secs() as i64, time.subsec_micros().into());
    }
    let pointer = if time.is_some() { &raw mut value } else { null_mut() };
    // SAFETY: the sets have all bits that are asked for, and the time is a variable, or null.
    let count = unsafe { libc::select(end, read, write, except, pointer) };
    let errno = std::io::Error::last_os_error().raw_os_error();
    let left = value.tv_sec > 0 || value.tv_usec > 0;
    if count < 0 {
        return (Err(errno), left);
    }
    let found = words.map(|words| {
        let is_set = |fd: &RawFd| words[*fd as usize / 64] >> (fd % 64) & 1 == 1;
        (0..end).filter(is_set).collect::<Vec<_>>()
    });
    assert_eq!(found.iter().map(Vec::len).sum::<usize>(), count as usize);
    (Ok(found), left)
}

#[test]
fn a_select_ends_by_readiness_and_says_how_much_time_is_left() {
    test(|| {
        let (mut mine, theirs) = pair();
        let fd = theirs.as_raw_fd();
        let selecting = parked(move || select(fd + 1, [&[fd], &[], &[fd]], Some(Duration::from_secs(50))));
        mine.write_all(b"x").unwrap();
        assert_eq!(selecting.join().unwrap(), (Ok([vec![fd], vec![], vec![]]), true));
        let (_mine, theirs) = pair();
        let fd = theirs.as_raw_fd();
        let over = spawn(move || select(fd + 1, [&[fd], &[], &[fd]], Some(Duration::from_millis(10))));
        assert_eq!(over.join().unwrap(), (Ok([vec![], vec![], vec![]]), false));
        drop(theirs);

        let (mine, theirs) = tcp();
        let fd = theirs.as_raw_fd();
        let selecting = parked(move || select(fd + 1, [&[], &[], &[fd]], None));
        out_of_band(&mine);
        assert_eq!(selecting.join().unwrap(), (Ok([vec![], vec![], vec![fd]]), false));
        // What can be written is there at once, and the rest is not waited for.
        let selecting = spawn(move || select(fd + 1, [&[fd], &[fd], &[]], None));
        assert_eq!(selecting.join().unwrap(), (Ok([vec![], vec![fd], vec![]]), false));
    });
}

#[test]
fn a_select_may_have_more_than_1024_descriptors() {
    test(|| {
        // SAFETY: the limit is a variable, which is written and read.
        unsafe {
            let mut limit = std::mem::zeroed();
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
        let (mut mine, theirs) = pair();
        // SAFETY: the descriptor is open, and the new one is ours.
        let high = unsafe {
            let fd = libc::fcntl(theirs.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 2100);
            assert!(fd >= 2100);
            OwnedFd::from_raw_fd(fd)
        };
        let fd = high.as_raw_fd();
        let selecting = parked(move || select(fd + 1, [&[fd], &[], &[]], None));
        mine.write_all(b"x").unwrap();
        assert_eq!(selecting.join().unwrap(), (Ok([vec![fd], vec![], vec![]]), false));
    });
}

#[test]
fn a_select_of_a_bad_descriptor_is_refused() {
    test(|| {
        assert_eq!(
            as_in_thread(|| select(61, [&[60], &[], &[]], None)).0,
            Err(Some(libc::EBADF))
        );
        let refused = as_in_thread(|| select(-1, [&[], &[], &[]], Some(Duration::from_secs(1))).0);
        assert_eq!(refused, Err(Some(libc::EINVAL)));
    });
}

/// A hang-up is no exceptional condition: whoever waits for one is not woken again and again.
#[test]
fn a_select_does_not_spin() {
    test(|| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(writer);
        let fd = reader.as_raw_fd();
        for sets in [[&[][..], &[], &[fd][..]], [&[], &[fd], &[]]] {
            let before = stats().parked;
            let sets = sets.map(<[_]>::to_vec);
            let selecting = spawn(move || {
                let sets = [&sets[0][..], &sets[1], &sets[2]];
                select(fd + 1, sets, Some(Duration::from_millis(50)))
            });
            assert_eq!(selecting.join().unwrap(), (Ok([vec![], vec![], vec![]]), false));
            assert!(stats().parked - before < 8, "{}", stats().parked - before);
        }
    });
}

/// Readiness comes in turn, and each wait finds it: none is lost.
#[test]
fn turns_are_taken_by_polls() {
    test(|| {
        const TURNS: usize = 2000;
        let (mine, theirs) = pair();
        // The last byte has a reader, too.
        let _open = theirs.try_clone().unwrap();
        let play = |stream: UnixStream, events| {
            move || {
                for _ in 0..TURNS {
                    let (ready, got) = poll(&[(stream.as_raw_fd(), events)], -1);
                    assert!(ready == 1 && got[0] & POLLIN != 0);
                    let mut byte = [0];
                    (&stream).read_exact(&mut byte).unwrap();
                    (&stream).write_all(&byte).unwrap();
                }
            }
        };
        let players = [
            spawn(play(theirs, POLLIN)),
            spawn(play(mine.try_clone().unwrap(), POLLIN | POLLPRI)),
        ];
        (&mine).write_all(b"x").unwrap();
        for player in players {
            player.join().unwrap();
        }
        until(|| stats().waiting == 0);
    });
}

/// The kernel looks at no more of the sets than the process may have open. Programs rely on that which ask for as many
/// as the limit allows, with a set that is smaller.
#[test]
fn a_select_of_more_than_there_can_be_leaves_what_is_behind_the_set_alone() {
    const PAGE: usize = 4096;
    test(|| {
        let ready = as_in_thread(|| {
            let (mut one, other) = pair();
            one.write_all(b"x").unwrap();
            let fd = other.as_raw_fd() as usize;
            // SAFETY: the pages are new. The second one cannot be touched.
            let set = unsafe {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                let set = libc::mmap(null_mut(), 2 * PAGE, libc::PROT_NONE, flags, -1, 0);
                assert_eq!(libc::mprotect(set, PAGE, libc::PROT_READ | libc::PROT_WRITE), 0);
                set.cast::<u64>()
            };
            // SAFETY: there are so many words in the first page.
            unsafe { *set.add(fd / 64) |= 1 << (fd % 64) };
            // SAFETY: the set has a bit for each descriptor that the process can have by now.
            let count = unsafe { libc::select(1 << 20, set.cast(), null_mut(), null_mut(), null_mut()) };
            // SAFETY: as above; the pages are ours.
            unsafe {
                let is_set = *set.add(fd / 64) >> (fd % 64) & 1;
                libc::munmap(set.cast(), 2 * PAGE);
                (count, is_set)
            }
        });
        assert_eq!(ready, (1, 1));
    });
}

/// What the call has tried in vain is no error of its caller's.
#[test]
fn the_errno_of_a_poll_that_succeeds_stays() {
    test(|| {
        let errno = as_in_thread(|| {
            let (mut one, other) = pair();
            let file = std::fs::File::open("/dev/null").unwrap();
            let disk = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
            let writer = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(5));
                one.write_all(b"x").unwrap();
                one
            });
            let entry = |fd: RawFd, events| libc::pollfd { fd, events, revents: 0 };
            let mut entries = [
                entry(file.as_raw_fd(), libc::POLLPRI),
                entry(disk.as_raw_fd(), libc::POLLPRI),
                entry(other.as_raw_fd(), libc::POLLIN),
            ];
            // SAFETY: the place of the number is this thread's; the entries are as many as is said.
            let (count, errno) = unsafe {
                *libc::__errno_location() = 77;
                (libc::poll(entries.as_mut_ptr(), 3, -1), *libc::__errno_location())
            };
            drop(writer.join().unwrap());
            (count, errno)
        });
        assert_eq!(errno, (1, 77));
    });
}

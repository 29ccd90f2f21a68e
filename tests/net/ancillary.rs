//! Descriptors and credentials that go beside the data of Unix sockets. A pipe tells whether a descriptor of its end is
//! left anywhere: it is at its end when none is.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, PipeReader, PipeWriter, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;

use gevent::exceptions::ConcurrentObjectUseError;
use gevent::socket::{
    AF_INET, AF_UNIX, Ancillary, AncillaryData, CMSG_LEN, CMSG_SPACE, IPPROTO_IP, MSG_CTRUNC, MSG_PEEK, SOCK_DGRAM,
    SOL_SOCKET, SendAncillary, Socket, SocketAncillary, UCred, UnixDatagram, UnixStream, recv_fds, send_fds,
    socketpair, socketpair_with,
};
use gevent::{Exception, GreenletExit, sleep, spawn};

use crate::python_socket::{EBADF, pair as tcp_pair};
use crate::support::{TestResult, bounded};

const FD: usize = size_of::<i32>();

fn pipes(n: usize) -> (Vec<PipeReader>, Vec<PipeWriter>) {
    let pipes = (0..n).map(|_| io::pipe()).collect::<io::Result<Vec<_>>>();
    pipes.expect("there are descriptors").into_iter().unzip()
}

/// Fails if another descriptor of the other end is left. Without one it reads to the end.
#[track_caller]
fn all_closed(pipes: Vec<PipeReader>) {
    for mut pipe in pipes {
        let flags = rustix::io::ioctl_fionbio(&pipe, true);
        flags.expect("it is open");
        let read = pipe.read(&mut [0]);
        assert!(matches!(read, Ok(0)), "a descriptor is left open: {read:?}");
    }
}

fn send(socket: &UnixStream, data: &[u8], writers: &[PipeWriter]) -> io::Result<usize> {
    let fds: Vec<_> = writers.iter().map(AsFd::as_fd).collect();
    socket.send_fds(data, &fds)
}

/// Sends the descriptors of some pipes, and closes them here.
fn send_away(socket: &UnixStream, n: usize) -> io::Result<Vec<PipeReader>> {
    let (readers, writers) = pipes(n);
    assert_eq!(send(socket, b"x", &writers)?, 1);
    Ok(readers)
}

fn receive(socket: &UnixStream, ancillary: &mut SocketAncillary<'_>) -> io::Result<usize> {
    socket.recv_vectored_with_ancillary(&mut [IoSliceMut::new(&mut [0; 9])], ancillary)
}

#[track_caller]
fn rights(message: Option<AncillaryData<'_>>) -> Vec<OwnedFd> {
    match message {
        Some(AncillaryData::ScmRights(rights)) => rights.collect(),
        other => panic!("{other:?}"),
    }
}

fn is_inherited(fd: &OwnedFd) -> bool {
    let flags = rustix::io::fcntl_getfd(fd).expect("it is open");
    !flags.contains(rustix::io::FdFlags::CLOEXEC)
}

#[test]
fn descriptors_arrive_with_the_data() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixStream::pair()?;
    let receiver = spawn(move || {
        let mut buf = [0; 9];
        let (n, fds) = there.recv_fds(&mut buf, 2)?;
        assert_eq!(&buf[..n], b"two");
        assert!(!fds.iter().any(is_inherited));
        for (i, fd) in fds.into_iter().enumerate() {
            write!(File::from(fd), "{i}")?;
        }
        Ok(())
    });
    sleep(0)?;
    let (readers, writers) = pipes(2);
    assert_eq!(send(&here, b"two", &writers)?, 3);
    drop(writers);
    receiver.get()?;
    for (i, mut reader) in readers.into_iter().enumerate() {
        let mut text = String::new();
        reader.read_to_string(&mut text)?;
        assert_eq!(text, i.to_string());
    }
    Ok(())
}

#[test]
fn datagrams_have_descriptors_and_senders() -> TestResult {
    let _bounded = bounded();
    let address = |name| SocketAddr::from_abstract_name(format!("gevent-ancillary-{}-{name}", std::process::id()));
    let (here, there) = (
        UnixDatagram::bind_addr(&address("here")?)?,
        UnixDatagram::bind_addr(&address("there")?)?,
    );
    let (readers, writers) = pipes(1);
    let sender = spawn({
        let (here, to) = (here.clone(), address("there")?);
        move || {
            let mut room = [0; CMSG_SPACE(FD)];
            let mut ancillary = SocketAncillary::new(&mut room);
            assert!(ancillary.add_fds(&[writers[0].as_fd()]));
            let data = [IoSlice::new(b"hel"), IoSlice::new(b"lo")];
            Ok(here.send_vectored_with_ancillary_to_addr(&data, &mut ancillary, &to)?)
        }
    });
    let (mut room, mut a, mut b) = ([0; 99], [0; 2], [0; 2]);
    let mut ancillary = SocketAncillary::new(&mut room);
    let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
    let (n, truncated, from) = there.recv_vectored_with_ancillary_from(&mut bufs, &mut ancillary)?;
    assert_eq!(
        (n, truncated, from.as_abstract_name()),
        (4, true, address("here")?.as_abstract_name())
    );
    assert_eq!([a, b].concat(), b"hell");
    assert_eq!(rights(ancillary.messages().next()).len(), 1);
    assert_eq!(sender.get()?, 5);
    all_closed(readers);

    // At a path, and an empty datagram; a sender without an address.
    let path = std::env::temp_dir().join(format!("gevent-ancillary-{}", std::process::id()));
    let there = UnixDatagram::bind(&path)?;
    let (readers, writers) = pipes(1);
    ancillary.clear();
    let mut room = [0; 99];
    let mut sent = SocketAncillary::new(&mut room);
    assert!(sent.add_fds(&[writers[0].as_fd()]));
    let unbound = UnixDatagram::unbound()?;
    assert_eq!(unbound.send_vectored_with_ancillary_to(&[], &mut sent, &path)?, 0);
    std::fs::remove_file(&path)?;
    drop(sent);
    drop(writers);
    let (n, truncated, from) = there.recv_vectored_with_ancillary_from(&mut [], &mut ancillary)?;
    assert_eq!((n, truncated, from.is_unnamed()), (0, false, true));
    assert_eq!(rights(ancillary.messages().next()).len(), 1);
    all_closed(readers);
    Ok(())
}

#[test]
fn descriptors_that_nobody_takes_are_closed() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixStream::pair()?;
    let mut room = [0; 128];
    let mut ancillary = SocketAncillary::new(&mut room);
    let ends: [fn(&mut SocketAncillary<'_>, &UnixStream); 6] = [
        |ancillary, _| ancillary.clear(),
        |ancillary, _| drop(ancillary.messages()),
        |ancillary, _| drop(ancillary.messages().next()),
        |ancillary, _| {
            let mut messages = ancillary.messages();
            let Some(AncillaryData::ScmRights(mut rights)) = messages.next() else {
                panic!("they have come");
            };
            assert_eq!(rights.size_hint(), (0, Some(3)));
            drop(rights.next());
            drop(messages);
        },
        |ancillary, _| {
            let (_reader, writers) = pipes(1);
            // Something to be sent takes their place.
            assert!(SocketAncillary::add_creds(ancillary, &[own()]));
            assert!(ancillary.messages().next().is_none());
            drop(writers);
        },
        |ancillary, there| {
            // They are closed before it waits.
            there.set_timeout(0).expect("a good time");
            assert_eq!(receive(there, ancillary).unwrap_err().kind(), ErrorKind::WouldBlock);
            there.set_timeout(None).expect("a good time");
        },
    ];
    for end in ends {
        let readers = send_away(&here, 3)?;
        receive(&there, &mut ancillary)?;
        assert!(!ancillary.is_empty() && !ancillary.truncated());
        end(&mut ancillary, &there);
        all_closed(readers);
        ancillary.clear();
        assert_eq!((ancillary.len(), ancillary.capacity()), (0, 128));
    }
    let readers = send_away(&here, 3)?;
    receive(&there, &mut ancillary)?;
    drop(ancillary);
    all_closed(readers);
    // Those that nobody has received, too.
    let readers = send_away(&here, 3)?;
    drop((here, there));
    all_closed(readers);
    Ok(())
}

#[test]
fn descriptors_without_room_are_closed() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixStream::pair()?;
    for (room, expected) in [
        (0, 0),
        (1, 0),
        (CMSG_LEN(0), 0),
        (CMSG_LEN(FD), 1),
        (CMSG_LEN(2 * FD), 2),
    ] {
        let readers = send_away(&here, 3)?;
        let mut room = vec![0; room];
        let mut ancillary = SocketAncillary::new(&mut room);
        assert_eq!(receive(&there, &mut ancillary)?, 1);
        assert!(ancillary.truncated());
        let taken: Vec<_> = ancillary.messages().flat_map(|message| rights(Some(message))).collect();
        assert_eq!(taken.len(), expected);
        drop(taken);
        all_closed(readers);
    }
    // The simple calls.
    let (a, b) = (Socket::from(here.clone()), Socket::from(there.clone()));
    for max in 0..3 {
        let readers = send_away(&here, 3)?;
        let (n, fds) = there.recv_fds(&mut [0; 9], max)?;
        assert_eq!((n, fds.len()), (1, max));
        drop(fds);
        all_closed(readers);
        let (readers, writers) = pipes(3);
        let fds: Vec<_> = writers.iter().map(AsFd::as_fd).collect();
        send_fds(&a, &[IoSlice::new(b"x")], &fds)?;
        let (data, fds, flags, _) = recv_fds(&b, 9, max)?;
        assert_eq!((&data[..], fds.len(), flags), (&b"x"[..], max, MSG_CTRUNC));
        drop((fds, writers));
        all_closed(readers);
    }
    // A reader that does not want any.
    let readers = send_away(&here, 3)?;
    (&there).read_exact(&mut [0])?;
    all_closed(readers);
    Ok(())
}

#[test]
fn what_is_added_is_borrowed() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixStream::pair()?;
    let (readers, mut writers) = pipes(1);
    let mut room = [0; CMSG_SPACE(FD)];
    let mut ancillary = SocketAncillary::new(&mut room);
    assert!(ancillary.add_fds(&[writers[0].as_fd()]));
    // There is no room for another one, and what is there stays.
    assert!(!ancillary.add_fds(&[writers[0].as_fd()]));
    assert!(!ancillary.add_creds(&[own()]));
    assert_eq!(ancillary.len(), CMSG_SPACE(FD));
    assert!(ancillary.messages().next().is_none());
    for _ in 0..2 {
        here.send_vectored_with_ancillary(&[IoSlice::new(b"x")], &mut ancillary)?;
        assert_eq!(there.recv_fds(&mut [0; 9], 9)?.1.len(), 1);
    }
    // What was received is not sent.
    send(&here, b"x", &writers)?;
    receive(&there, &mut ancillary)?;
    here.send_vectored_with_ancillary(&[IoSlice::new(b"x")], &mut ancillary)?;
    here.send_vectored_with_ancillary(&[], &mut ancillary)?;
    assert_eq!(there.recv_fds(&mut [0; 9], 9)?.1.len(), 0);
    assert_eq!(rights(ancillary.messages().next()).len(), 1);
    drop(ancillary);
    writers[0].write_all(b"open")?;
    drop((here, there, writers));
    let mut text = String::new();
    { &readers[0] }.read_to_string(&mut text)?;
    assert_eq!(text, "open");
    Ok(())
}

fn own() -> UCred {
    UCred {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        pid: None,
    }
}

/// The credentials that are received.
fn told() -> UCred {
    let pid = std::process::id().cast_signed();
    UCred {
        pid: Some(pid),
        ..own()
    }
}

#[test]
fn credentials_tell_who_has_sent() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixStream::pair()?;
    assert_eq!(here.peer_cred()?, told());
    assert!(!there.passcred()?);
    there.set_passcred(true)?;
    assert!(there.passcred()?);
    let mut room = [0; 128];
    let mut ancillary = SocketAncillary::new(&mut room);
    let creds = |ancillary: &mut SocketAncillary<'_>| match ancillary.messages().next() {
        Some(AncillaryData::ScmCredentials(cred)) => cred,
        other => panic!("{other:?}"),
    };
    (&here).write_all(b"x")?;
    receive(&there, &mut ancillary)?;
    assert_eq!(creds(&mut ancillary), told());
    // Told by the sender, and beside descriptors.
    let (readers, writers) = pipes(1);
    let mut room = [0; 128];
    let mut sent = SocketAncillary::new(&mut room);
    assert!(sent.add_creds(&[own()]) && sent.add_fds(&[writers[0].as_fd()]));
    here.send_vectored_with_ancillary(&[IoSlice::new(b"x")], &mut sent)?;
    receive(&there, &mut ancillary)?;
    let mut messages = ancillary.messages();
    assert!(matches!(messages.next(), Some(AncillaryData::ScmCredentials(cred)) if cred == told()));
    assert_eq!(rights(messages.next()).len(), 1);
    assert!(messages.next().is_none());
    drop((messages, sent));
    drop(writers);
    all_closed(readers);
    // They do not take the place of descriptors.
    let readers = send_away(&here, 2)?;
    assert_eq!(there.recv_fds(&mut [0; 9], 2)?.1.len(), 2);
    all_closed(readers);

    let (here, there) = UnixDatagram::pair()?;
    there.set_passcred(true)?;
    here.send(b"x")?;
    there.recv_vectored_with_ancillary(&mut [IoSliceMut::new(&mut [0])], &mut ancillary)?;
    assert_eq!(creds(&mut ancillary), told());
    // Cut short, they are not taken for others.
    let cut = Socket::from(there);
    here.send(b"x")?;
    let (_, ancdata, flags, _) = cut.recvmsg(9, CMSG_LEN(8))?;
    assert!(matches!(&ancdata[..], [Ancillary::Other { data, .. }] if data.len() == 8));
    assert_eq!(flags & MSG_CTRUNC, MSG_CTRUNC);
    let python = Socket::from(here);
    python.sendmsg(&[IoSlice::new(b"x")], &[SendAncillary::Credentials(own())])?;
    let (_, ancdata, ..) = cut.recvmsg(9, 99)?;
    assert!(matches!(&ancdata[..], [Ancillary::Credentials(cred)] if *cred == told()));
    Ok(())
}

/// Linux has this since version 6.5.
#[test]
fn a_process_is_received_as_a_descriptor() -> TestResult {
    const SO_PASSPIDFD: i32 = 76;
    let _bounded = bounded();
    let (here, there) = socketpair()?;
    if there.setsockopt(SOL_SOCKET, SO_PASSPIDFD, 1).is_err() {
        eprintln!("SKIPPED: this system has no SO_PASSPIDFD");
        return Ok(());
    }
    here.send(b"x")?;
    let (_, mut ancdata, ..) = there.recvmsg(9, 99)?;
    let Some(Ancillary::PidFd(fd)) = ancdata.pop() else {
        panic!("{ancdata:?}");
    };
    let link = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
    assert!(link.to_string_lossy().contains("pidfd"), "{link:?}");
    // Into too little room, and by a reader that does not want it.
    here.send(b"x")?;
    let (_, ancdata, flags, _) = there.recvmsg(9, CMSG_LEN(FD) - 1)?;
    assert_eq!((ancdata.len(), flags), (0, MSG_CTRUNC));
    here.send(b"x")?;
    assert_eq!(UnixStream::try_from(there)?.recv_fds(&mut [0; 9], 9)?.1.len(), 0);
    Ok(())
}

#[test]
fn sockets_pass_sockets() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixStream::pair()?;
    let (passed, mut other) = UnixStream::pair()?;
    passed.with_fd(|fd| here.send_fds(b"x", &[fd]))??;
    passed.close();
    let (_, mut fds) = there.recv_fds(&mut [0; 9], 1)?;
    let mut arrived = UnixStream::try_from(fds.remove(0))?;
    let reader = spawn(move || {
        let mut text = String::new();
        arrived.read_to_string(&mut text)?;
        Ok(text)
    });
    sleep(0)?;
    other.write_all(b"hello")?;
    drop(other);
    assert_eq!(reader.get()?, "hello");

    // One that is closed while the sender waits stays open until it is sent.
    let (passed, _other) = UnixStream::pair()?;
    here.set_timeout(0)?;
    while (&here).write(&[0; 999]).is_ok() {}
    here.set_timeout(None)?;
    let sender = spawn({
        let (here, passed) = (here.clone(), passed.clone());
        move || Ok(passed.with_fd(|fd| here.send_fds(b"x", &[fd]))??)
    });
    sleep(0)?;
    passed.close();
    assert!(!sender.ready());
    let (mut fds, mut buf) = (Vec::new(), [0; 4096]);
    while fds.is_empty() {
        fds = there.recv_fds(&mut buf, 1)?.1;
    }
    assert_eq!(sender.get()?, 1);
    assert!(UnixStream::try_from(fds.remove(0))?.peer_addr().is_ok());
    Ok(())
}

/// A read of a stream ends after data that have descriptors: those of two sends are not mixed.
#[test]
fn descriptors_stay_with_their_data() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixStream::pair()?;
    (&here).write_all(b"none")?;
    let (_readers, writers) = pipes(3);
    send(&here, b"one", &writers[..1])?;
    (&here).write_all(b"more")?;
    send(&here, b"three", &writers)?;
    drop(here);
    let mut got = Vec::new();
    loop {
        let mut buf = [0; 99];
        let (n, fds) = there.recv_fds(&mut buf, 9)?;
        if n == 0 {
            break;
        }
        got.push((String::from_utf8_lossy(&buf[..n]).into_owned(), fds.len()));
    }
    let with_fds: Vec<_> = got.iter().filter(|(_, fds)| *fds > 0).collect();
    assert_eq!(with_fds.iter().map(|(_, fds)| *fds).collect::<Vec<_>>(), [1, 3]);
    assert!(with_fds[0].0.ends_with("one") && with_fds[1].0.ends_with("three"));
    let all: String = got.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(all, "noneonemorethree");
    Ok(())
}

/// As in gevent, a read does not let others run if there are data, though the last one has not filled its buffer.
#[test]
fn data_behind_descriptors_are_read_at_once() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixStream::pair()?;
    let (_readers, writers) = pipes(1);
    let reads_at_once = |room: &mut [u8]| -> Result<bool, Exception> {
        let other = spawn(|| ());
        send(&here, b"one", &writers)?;
        send(&here, b"two", &writers)?;
        let mut ancillary = SocketAncillary::new(room);
        for _ in 0..2 {
            assert_eq!(receive(&there, &mut ancillary)?, 3);
        }
        let others_have_run = other.ready();
        other.join()?;
        Ok(!others_have_run)
    };
    for room in [0, 99] {
        // On a busy machine it may be time for others.
        let mut room = vec![0; room];
        while !reads_at_once(&mut room)? {}
    }
    Ok(())
}

/// What an address did not want, the system tells in a queue of its own.
#[test]
fn errors_of_datagrams_are_messages() -> TestResult {
    let _bounded = bounded();
    let socket = Socket::new(AF_INET, SOCK_DGRAM, 0)?;
    socket.setsockopt(IPPROTO_IP, libc::IP_RECVERR, 1)?;
    let closed = Socket::new(AF_INET, SOCK_DGRAM, 0)?;
    closed.bind(("127.0.0.1", 0))?;
    let to = closed.getsockname()?;
    closed.close();
    let none = socket.recvmsg_with_flags(9, 99, libc::MSG_ERRQUEUE).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::WouldBlock);
    socket.sendto(b"lost", &to)?;
    assert_eq!(socket.recv(9).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let (data, ancdata, flags, address) = socket.recvmsg_with_flags(9, 99, libc::MSG_ERRQUEUE)?;
    assert_eq!((data, address), (b"lost".to_vec(), Some(to)));
    assert_eq!(flags & libc::MSG_ERRQUEUE, libc::MSG_ERRQUEUE);
    let [Ancillary::Other { level, type_, data }] = &ancdata[..] else {
        panic!("{ancdata:?}");
    };
    assert_eq!((*level, *type_), (IPPROTO_IP, libc::IP_RECVERR));
    assert_eq!(data[..4], libc::ECONNREFUSED.to_ne_bytes());
    Ok(())
}

#[test]
fn peeking_makes_further_descriptors() -> TestResult {
    let _bounded = bounded();
    let (here, there) = socketpair()?;
    let (readers, writers) = pipes(1);
    send_fds(&here, &[IoSlice::new(b"x")], &[writers[0].as_fd()])?;
    drop(writers);
    for flags in [MSG_PEEK, MSG_PEEK, 0] {
        let (data, ancdata, told, _) = there.recvmsg_with_flags(9, 99, flags)?;
        assert_eq!((&data[..], told), (&b"x"[..], 0));
        assert!(matches!(&ancdata[..], [Ancillary::Rights(fds)] if fds.len() == 1));
    }
    all_closed(readers);
    Ok(())
}

#[test]
fn two_readers_or_writers_are_one_too_many() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixStream::pair()?;
    let first = spawn({
        let there = there.clone();
        move || {
            let (n, fds) = there.recv_fds(&mut [0; 9], 9)?;
            Ok((n, fds.len()))
        }
    });
    sleep(0)?;
    let error = receive(&there, &mut SocketAncillary::new(&mut [0; 99])).unwrap_err();
    assert!(Exception::from(error).is::<ConcurrentObjectUseError>());
    let error = Socket::from(there.clone()).recvmsg(9, 99).unwrap_err();
    assert!(Exception::from(error).is::<ConcurrentObjectUseError>());
    let readers = send_away(&here, 2)?;
    assert_eq!(first.get()?, (1, 2));
    all_closed(readers);
    Ok(())
}

#[test]
fn closing_ends_calls_with_ebadf() -> TestResult {
    let _bounded = bounded();
    let (here, _there) = UnixStream::pair()?;
    let reader = spawn({
        let here = here.clone();
        move || Ok(here.recv_fds(&mut [0; 9], 9).unwrap_err().raw_os_error())
    });
    here.set_write_timeout(0)?;
    while (&here).write(&[0; 999]).is_ok() {}
    here.set_write_timeout(None)?;
    let (readers, writers) = pipes(1);
    let writer = spawn({
        let here = here.clone();
        move || Ok(send(&here, b"x", &writers).unwrap_err().raw_os_error())
    });
    let (idle, _other) = socketpair_with(AF_UNIX, SOCK_DGRAM, 0)?;
    let receiver = spawn({
        let idle = idle.clone();
        move || Ok(idle.recvmsg(9, 9).unwrap_err().raw_os_error())
    });
    sleep(0)?;
    here.close();
    idle.close();
    assert_eq!((reader.get()?, writer.get()?, receiver.get()?), (EBADF, EBADF, EBADF));
    all_closed(readers);

    // And when it is closed already, whatever the arguments are.
    let stdin = io::stdin();
    let too_many = [stdin.as_fd(); 300];
    let mut room = [0; 99];
    let mut ancillary = SocketAncillary::new(&mut room);
    for error in [
        here.send_fds(b"", &too_many[..1]).unwrap_err(),
        here.send_fds(b"x", &too_many).unwrap_err(),
        here.recv_fds(&mut [], 9).unwrap_err(),
        receive(&here, &mut ancillary).unwrap_err(),
        here.send_vectored_with_ancillary(&[], &mut ancillary).unwrap_err(),
        here.peer_cred().unwrap_err(),
        here.passcred().unwrap_err(),
        here.set_passcred(true).unwrap_err(),
        idle.sendmsg(&[], &[]).unwrap_err(),
        idle.recvmsg(0, 0).unwrap_err(),
    ] {
        assert_eq!(error.raw_os_error(), EBADF);
    }
    Ok(())
}

#[test]
fn a_kill_or_a_timeout_loses_no_descriptor() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixStream::pair()?;
    let reader = spawn({
        let there = there.clone();
        move || Ok(there.recv_fds(&mut [0; 9], 9).map(|(_, fds)| fds.len())?)
    });
    sleep(0)?;
    // The data have come, but the greenlet does not run before it is killed.
    let readers = send_away(&here, 2)?;
    reader.kill()?;
    assert!(reader.value().is_none());
    let (_other, idle) = UnixStream::pair()?;
    let killed = spawn(move || {
        let error = Exception::from(idle.recv_fds(&mut [0; 9], 9).unwrap_err());
        assert!(error.is::<GreenletExit>());
        Ok(())
    });
    sleep(0)?;
    killed.kill()?;
    killed.get()?;
    assert_eq!(there.recv_fds(&mut [0; 9], 9)?.1.len(), 2);
    all_closed(readers);
    there.set_read_timeout(0.001)?;
    assert_eq!(there.recv_fds(&mut [0; 9], 9).unwrap_err().kind(), ErrorKind::TimedOut);
    Ok(())
}

#[test]
fn as_many_descriptors_as_the_system_takes() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixStream::pair()?;
    let (a, b) = UnixDatagram::pair()?;
    let (readers, writers) = pipes(1);
    let most = vec![writers[0].as_fd(); 253];
    assert_eq!(here.send_fds(b"x", &most)?, 1);
    assert_eq!(there.recv_fds(&mut [0; 9], 999)?.1.len(), 253);
    assert_eq!(a.send_fds(b"", &most)?, 0);
    assert_eq!(b.recv_fds(&mut [], 999)?.1.len(), 253);
    let too_many = vec![writers[0].as_fd(); 254];
    let python = Socket::from(here.clone());
    for error in [
        here.send_fds(b"x", &too_many).unwrap_err(),
        a.send_fds(b"x", &too_many).unwrap_err(),
        send_fds(&python, &[IoSlice::new(b"x")], &too_many).unwrap_err(),
    ] {
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    }
    drop(writers);
    all_closed(readers);
    Ok(())
}

#[test]
fn ancillary_data_needs_a_byte_of_a_stream() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixStream::pair()?;
    let (readers, writers) = pipes(1);
    let empty = [IoSlice::new(b""), IoSlice::new(b"")];
    assert_eq!(send(&here, b"", &writers).unwrap_err().kind(), ErrorKind::InvalidInput);
    let mut room = [0; 99];
    let mut ancillary = SocketAncillary::new(&mut room);
    assert_eq!(here.send_vectored_with_ancillary(&empty, &mut ancillary)?, 0);
    assert!(ancillary.add_creds(&[own()]));
    let error = here.send_vectored_with_ancillary(&empty, &mut ancillary).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    drop(ancillary);
    // Python's sends nothing.
    assert_eq!(send_fds(&Socket::from(here.clone()), &empty, &[writers[0].as_fd()])?, 0);
    // Nothing is read into nothing, and the descriptors stay with their data.
    send(&here, b"x", &writers)?;
    drop(writers);
    assert!(matches!(there.recv_fds(&mut [], 9)?, (0, fds) if fds.is_empty()));
    assert_eq!(there.recv_fds(&mut [0; 9], 9)?.1.len(), 1);
    all_closed(readers);
    Ok(())
}

#[test]
fn other_families_send_no_descriptors() -> TestResult {
    let _bounded = bounded();
    let (client, server) = tcp_pair();
    let (readers, writers) = pipes(1);
    assert_eq!(send_fds(&client, &[IoSlice::new(b"x")], &[writers[0].as_fd()])?, 1);
    drop(writers);
    let (data, fds, ..) = recv_fds(&server, 9, 9)?;
    assert_eq!((&data[..], fds.len()), (&b"x"[..], 0));
    all_closed(readers);
    Ok(())
}

#[test]
fn messages_that_cannot_be_are_refused() -> TestResult {
    let _bounded = bounded();
    let (here, there) = socketpair()?;
    let send = |level, type_, data: &[u8]| {
        let other = SendAncillary::Other { level, type_, data };
        here.sendmsg(&[IoSlice::new(b"x")], &[other])
    };
    // Numbers of descriptors, and addresses of memory.
    for (level, type_) in [(SOL_SOCKET, libc::SCM_RIGHTS), (276, 1)] {
        assert_eq!(send(level, type_, &[0; 4]).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(
        send(SOL_SOCKET, 99, b"").unwrap_err().raw_os_error(),
        Some(libc::EINVAL)
    );
    let long = vec![0; 1 << 20];
    // musl has its own limit.
    let too_long = send(0, 99, &long).unwrap_err().raw_os_error();
    assert!(matches!(too_long, Some(libc::ENOBUFS | libc::ENOMEM)), "{too_long:?}");
    there.setblocking(false);
    assert_eq!(there.recvmsg(9, 9).unwrap_err().kind(), ErrorKind::WouldBlock);
    // An address is for those that are not connected.
    let error = here
        .sendmsg_to(&[IoSlice::new(b"x")], &[], 0, "\0gevent-nobody")
        .unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EISCONN));
    Ok(())
}

#[test]
fn many_buffers_are_as_many_as_the_system_takes() -> TestResult {
    let _bounded = bounded();
    let many = vec![IoSlice::new(b"x"); 2000];
    let mut room = [0; 99];
    let mut ancillary = SocketAncillary::new(&mut room);
    assert!(ancillary.add_creds(&[own()]));
    let (here, there) = UnixStream::pair()?;
    assert_eq!(here.send_vectored_with_ancillary(&many, &mut ancillary)?, 1024);
    let mut bytes = vec![[0]; 2000];
    let mut bufs: Vec<_> = bytes.iter_mut().map(|byte| IoSliceMut::new(byte)).collect();
    assert_eq!(there.recv_vectored_with_ancillary(&mut bufs, &mut ancillary)?, 1024);
    let (here, there) = UnixDatagram::pair()?;
    let error = here.send_vectored_with_ancillary(&many, &mut ancillary).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    here.send(b"x")?;
    let error = there
        .recv_vectored_with_ancillary(&mut bufs, &mut ancillary)
        .unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    Ok(())
}

/// A datagram socket that is shut down counts as readable for ever.
#[test]
fn a_receiver_that_is_shut_down_comes_to_an_end() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixDatagram::pair()?;
    let receiver = spawn({
        let there = there.clone();
        move || {
            let mut room = [0; 99];
            let mut ancillary = SocketAncillary::new(&mut room);
            let end = there.recv_vectored_with_ancillary_from(&mut [], &mut ancillary)?;
            Ok((end.0, end.1, end.2.is_unnamed(), ancillary.len()))
        }
    });
    sleep(0)?;
    there.shutdown(Shutdown::Read)?;
    assert_eq!(receiver.get()?, (0, false, true, 0));
    let python = Socket::from(there);
    let (data, ancdata, flags, address) = python.recvmsg(9, 9)?;
    assert_eq!((data.len(), ancdata.len(), flags, address), (0, 0, 0, None));
    let error = here.send_fds(b"x", &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    Ok(())
}

//! Receiving.

use std::ptr;
use std::time::{Duration, Instant};

use libc::{
    EAGAIN, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, MSG_WAITALL, MSG_WAITFORONE, POLLERR, POLLIN, c_int, c_uint,
    c_void, mmsghdr, msghdr, size_t, sockaddr, socklen_t, ssize_t, timespec,
};

use crate::calls::blocking::{Call, How, place_for, ready, socket_option};
use crate::calls::buffers::{Rest, total};
use crate::originals::originals;
use crate::place::Place;
use crate::wait::{Failed, errno, set_errno};

pub(in crate::calls) mod original {
    use super::*;

    originals! {
        recv(fd: c_int, buffer: *mut c_void, len: size_t, flags: c_int) -> ssize_t;
        recvfrom(
            fd: c_int, buffer: *mut c_void, len: size_t, flags: c_int,
            address: *mut sockaddr, address_len: *mut socklen_t,
        ) -> ssize_t;
        recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t;
        recvmmsg(
            fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int, limit: *mut timespec,
        ) -> c_int;
        __recv_chk(fd: c_int, buffer: *mut c_void, len: size_t, room: size_t, flags: c_int) -> ssize_t;
        __recvfrom_chk(
            fd: c_int, buffer: *mut c_void, len: size_t, room: size_t, flags: c_int,
            address: *mut sockaddr, address_len: *mut socklen_t,
        ) -> ssize_t;
    }
}

/// The caller's place, if a call with these flags may block. What looks for errors or urgent data never does.
#[inline(always)]
fn place_with(fd: c_int, flags: c_int) -> Option<Place> {
    match flags & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB) {
        0 => place_for(fd),
        _ => None,
    }
}

/// recv(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn recv(fd: c_int, buffer: *mut c_void, len: size_t, flags: c_int) -> ssize_t {
    match place_with(fd, flags) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { receive(place, fd, buffer, len, flags, ptr::null_mut(), ptr::null_mut()) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::recv(fd, buffer, len, flags) },
    }
}

/// recvfrom(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn recvfrom(
    fd: c_int,
    buffer: *mut c_void,
    len: size_t,
    flags: c_int,
    address: *mut sockaddr,
    address_len: *mut socklen_t,
) -> ssize_t {
    match place_with(fd, flags) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { receive(place, fd, buffer, len, flags, address, address_len) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::recvfrom(fd, buffer, len, flags, address, address_len) },
    }
}

/// `recv` in C code that was compiled with `_FORTIFY_SOURCE`, which knows how much room there is.
#[unsafe(no_mangle)]
unsafe extern "C" fn __recv_chk(fd: c_int, buffer: *mut c_void, len: size_t, room: size_t, flags: c_int) -> ssize_t {
    match place_with(fd, flags).filter(|_| len <= room) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { receive(place, fd, buffer, len, flags, ptr::null_mut(), ptr::null_mut()) },
        // The original ends the process if there is too little room.
        // SAFETY: by the prototype's contract.
        None => unsafe { original::__recv_chk(fd, buffer, len, room, flags) },
    }
}

/// `recvfrom` in such code.
#[unsafe(no_mangle)]
unsafe extern "C" fn __recvfrom_chk(
    fd: c_int,
    buffer: *mut c_void,
    len: size_t,
    room: size_t,
    flags: c_int,
    address: *mut sockaddr,
    address_len: *mut socklen_t,
) -> ssize_t {
    match place_with(fd, flags).filter(|_| len <= room) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { receive(place, fd, buffer, len, flags, address, address_len) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::__recvfrom_chk(fd, buffer, len, room, flags, address, address_len) },
    }
}

/// # Safety
/// The contract of `recvfrom`.
unsafe fn receive(
    place: Place,
    fd: c_int,
    buffer: *mut c_void,
    len: usize,
    flags: c_int,
    address: *mut sockaddr,
    address_len: *mut socklen_t,
) -> ssize_t {
    let mut call = Call::reading(place, fd);
    until(&mut call, len, flags, |done, how| {
        let flags = flags | how.flag(MSG_DONTWAIT);
        let (buffer, len) = (buffer.wrapping_byte_add(done), len - done);
        match done {
            // SAFETY: by this function's contract.
            0 => unsafe { original::recvfrom(fd, buffer, len, flags, address, address_len) },
            // SAFETY: as above; the address is known already.
            _ => unsafe { original::recv(fd, buffer, len, flags) },
        }
    })
}

/// Receives: what is there, or with `MSG_WAITALL` all `len` bytes of a stream.
fn until(call: &mut Call, len: usize, flags: c_int, mut receive: impl FnMut(usize, How) -> ssize_t) -> ssize_t {
    if flags & MSG_WAITALL == 0 {
        return call.once(|how| receive(0, how));
    }
    if flags & MSG_PEEK != 0 {
        return peek_all(call, len, |how| receive(0, how));
    }
    let first = call.once(|how| receive(0, how));
    if first <= 0 || first.cast_unsigned() >= len || !is_stream(call.fd()) {
        return first;
    }
    receive_rest(call, first.cast_unsigned(), len, receive)
}

/// Receives the rest of what is wanted of a stream, of which some bytes are there already. Returns how many there are
/// in all.
fn receive_rest(call: &mut Call, first: usize, len: usize, mut receive: impl FnMut(usize, How) -> ssize_t) -> ssize_t {
    let fd = call.fd();
    let more = call.all(len - first, |more, how| match how {
        How::Block => receive(first + more, how),
        How::Try => match ready(fd, POLLIN) {
            0 => {
                set_errno(EAGAIN);
                -1
            }
            // An error that has come meanwhile is told by the next call, and by that alone.
            told if told & POLLERR != 0 && is_empty(fd) => 0,
            _ => receive(first + more, how),
        },
    });
    call.done(first + usize::try_from(more).unwrap_or(0))
}

/// Whether nothing has come of a stream that was not received.
fn is_empty(fd: c_int) -> bool {
    let mut count: c_int = 0;
    // SAFETY: the kernel writes the number.
    unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut count) == 0 && count == 0 }
}

/// Looks at `len` bytes of a stream that stay there. Nothing tells when there are more than there were.
fn peek_all(call: &mut Call, len: usize, mut peek: impl FnMut(How) -> ssize_t) -> ssize_t {
    const END: libc::c_short = libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR;
    let stream = is_stream(call.fd());
    loop {
        let seen = call.once(&mut peek);
        if seen <= 0 || seen.cast_unsigned() >= len || !stream || ready(call.fd(), libc::POLLRDHUP) & END != 0 {
            return seen;
        }
        match call.wait_a_while() {
            Ok(()) => {}
            Err(Failed::Errno(_)) => return call.done(seen.cast_unsigned()),
            Err(Failed::MustBlock) => return peek(How::Block),
        }
    }
}

fn is_stream(fd: c_int) -> bool {
    socket_option(fd, libc::SO_TYPE) == Some(libc::SOCK_STREAM)
}

/// recvmsg(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t {
    match place_with(fd, flags) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { receive_message(place, fd, message, flags) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::recvmsg(fd, message, flags) },
    }
}

/// # Safety
/// The contract of `recvmsg`.
unsafe fn receive_message(place: Place, fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t {
    let mut call = Call::reading(place, fd);
    // SAFETY: by this function's contract. A call that fails leaves the message alone.
    let mut whole = |how: How| unsafe { original::recvmsg(fd, message, flags | how.flag(MSG_DONTWAIT)) };
    if flags & MSG_WAITALL == 0 {
        return call.once(whole);
    }
    // SAFETY: by this function's contract. The kernel has read the message, or this is not used.
    let len = || unsafe { total((*message).msg_iov, (*message).msg_iovlen) };
    if flags & MSG_PEEK != 0 {
        return peek_message(&mut call, message, flags, len);
    }
    let first = call.once(&mut whole);
    // SAFETY: as above. What came with control data ends there.
    if first <= 0 || first.cast_unsigned() >= len() || !is_stream(fd) || unsafe { (*message).msg_controllen } > 0 {
        return first;
    }
    receive_rest(&mut call, first.cast_unsigned(), len(), |done, how| {
        // SAFETY: as above.
        let mut rest = unsafe { Rest::of((*message).msg_iov, (*message).msg_iovlen, done) };
        let mut rest = rest.message();
        // SAFETY: the message is that of buffers of the caller's.
        unsafe { original::recvmsg(fd, &raw mut rest, flags | how.flag(MSG_DONTWAIT)) }
    })
}

/// Looks at all bytes of a message that stay there.
fn peek_message(call: &mut Call, message: *mut msghdr, flags: c_int, len: impl Fn() -> usize) -> ssize_t {
    let fd = call.fd();
    // SAFETY: by the contract of `receive_message`, which calls this. The message is left alone.
    let before = unsafe { message.read() };
    let peek = |how: How| {
        // SAFETY: as above.
        unsafe { message.write(before) };
        // SAFETY: as above.
        unsafe { original::recvmsg(fd, message, flags | how.flag(MSG_DONTWAIT)) }
    };
    peek_all(call, len(), peek)
}

/// recvmmsg(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn recvmmsg(
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
    limit: *mut timespec,
) -> c_int {
    match place_with(fd, flags) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { receive_messages(place, fd, messages, count, flags, limit) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::recvmmsg(fd, messages, count, flags, limit) },
    }
}

/// As the kernel, this looks at the time only when a message has come.
///
/// # Safety
/// The contract of `recvmmsg`.
unsafe fn receive_messages(
    place: Place,
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
    limit: *mut timespec,
) -> c_int {
    let mut call = Call::reading(place, fd);
    let started = Instant::now();
    // SAFETY: by this function's contract.
    let asked = unsafe { limit.as_ref() }.copied();
    let time = asked.map(|asked| {
        let nanoseconds = Duration::from_nanos(u64::try_from(asked.tv_nsec).unwrap_or(0));
        Duration::from_secs(u64::try_from(asked.tv_sec).unwrap_or(0)) + nanoseconds
    });
    let mut done = 0;
    loop {
        // The first call is that of the caller's time, which the kernel may refuse.
        let mut left = match (done, time) {
            (0, _) => asked,
            (_, time) => time.map(|time| timespec_of(time.saturating_sub(started.elapsed()))),
        };
        let left = left.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
        // SAFETY: by this function's contract.
        let got = unsafe {
            original::recvmmsg(
                fd,
                messages.add(done as usize),
                count - done,
                flags | MSG_DONTWAIT,
                left,
            )
        };
        let more = match c_uint::try_from(got) {
            Ok(more) => more,
            Err(_) if errno() == libc::EAGAIN => 0,
            Err(_) => return call.failed(done as usize, errno()) as c_int,
        };
        done += more;
        let over = time.is_some_and(|time| time <= started.elapsed());
        // SAFETY: the kernel has filled in so many messages.
        let urgent = more > 0 && unsafe { (*messages.add(done as usize - 1)).msg_hdr.msg_flags } & MSG_OOB != 0;
        if done == count || (done > 0 && (flags & MSG_WAITFORONE != 0 || urgent)) || (more > 0 && over) {
            break;
        }
        match call.wait() {
            // An error that has come meanwhile is told by the next call.
            Ok(()) if done > 0 && ready(fd, 0) & libc::POLLERR != 0 => break,
            Ok(()) => {}
            Err(Failed::Errno(errno)) if done == 0 => return call.failed(0, errno) as c_int,
            Err(Failed::Errno(_)) => break,
            Err(Failed::MustBlock) if done == 0 => {
                // SAFETY: by this function's contract.
                return unsafe { original::recvmmsg(fd, messages, count, flags, limit) };
            }
            Err(Failed::MustBlock) => break,
        }
    }
    if let Some(time) = time {
        // SAFETY: by this function's contract, it is the caller's.
        unsafe { *limit = timespec_of(time.saturating_sub(started.elapsed())) };
    }
    call.done(done as usize) as c_int
}

fn timespec_of(time: Duration) -> timespec {
    timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

//! Sending.

use std::ptr;

use libc::{
    EINPROGRESS, MSG_DONTWAIT, MSG_FASTOPEN, MSG_NOSIGNAL, POLLHUP, POLLOUT, c_int, c_uint, c_void, mmsghdr, msghdr,
    size_t, sockaddr, socklen_t, ssize_t,
};

use crate::calls::blocking::{Call, How, place_for, ready};
use crate::calls::buffers::{MOST, Rest, total};
use crate::originals::originals;
use crate::place::Place;
use crate::wait::{errno, set_errno};

pub(in crate::calls) mod original {
    use super::*;

    originals! {
        send(fd: c_int, buffer: *const c_void, len: size_t, flags: c_int) -> ssize_t;
        __send(fd: c_int, buffer: *const c_void, len: size_t, flags: c_int) -> ssize_t;
        sendto(
            fd: c_int, buffer: *const c_void, len: size_t, flags: c_int,
            address: *const sockaddr, address_len: socklen_t,
        ) -> ssize_t;
        sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t;
        sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int;
    }
}

/// The caller's place, if a call with these flags may block.
#[inline(always)]
fn place_with(fd: c_int, flags: c_int) -> Option<Place> {
    match flags & MSG_DONTWAIT {
        0 => place_for(fd),
        _ => None,
    }
}

/// send(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn send(fd: c_int, buffer: *const c_void, len: size_t, flags: c_int) -> ssize_t {
    match place_with(fd, flags) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { send_all(place, fd, buffer, len, flags, ptr::null(), 0) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::send(fd, buffer, len, flags) },
    }
}

/// Another name of `send`.
#[unsafe(no_mangle)]
unsafe extern "C" fn __send(fd: c_int, buffer: *const c_void, len: size_t, flags: c_int) -> ssize_t {
    match place_with(fd, flags) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { send_all(place, fd, buffer, len, flags, ptr::null(), 0) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::__send(fd, buffer, len, flags) },
    }
}

/// sendto(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn sendto(
    fd: c_int,
    buffer: *const c_void,
    len: size_t,
    flags: c_int,
    address: *const sockaddr,
    address_len: socklen_t,
) -> ssize_t {
    match place_with(fd, flags) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { send_all(place, fd, buffer, len, flags, address, address_len) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::sendto(fd, buffer, len, flags, address, address_len) },
    }
}

/// Sends all of it. Only a stream takes a part.
///
/// # Safety
/// The contract of `sendto`.
pub(in crate::calls) unsafe fn send_all(
    place: Place,
    fd: c_int,
    buffer: *const c_void,
    len: usize,
    flags: c_int,
    address: *const sockaddr,
    address_len: socklen_t,
) -> ssize_t {
    let mut call = Call::writing(place, fd);
    all(&mut call, 0, len.min(MOST), flags, |done, flags| {
        let (buffer, len) = (buffer.wrapping_byte_add(done), len - done);
        match done {
            // SAFETY: by this function's contract.
            0 => unsafe { original::sendto(fd, buffer, len, flags, address, address_len) },
            // SAFETY: as above. A stream whose first bytes are sent is connected.
            _ => unsafe { original::send(fd, buffer, len, flags) },
        }
    })
}

/// Has `send` send what is left after the first `before` bytes; all of it. It is told how many are sent already, and
/// the flags. Returns how many were sent in all before it has failed, or -1.
fn all(
    call: &mut Call,
    before: usize,
    len: usize,
    flags: c_int,
    mut send: impl FnMut(usize, c_int) -> ssize_t,
) -> ssize_t {
    let fd = call.fd();
    let mut connecting = false;
    let sent = call.all(len - before, |done, how| {
        let done = before + done;
        let mut flags = flags | how.flag(MSG_DONTWAIT);
        if done > 0 {
            // The kernel raises no signal if some bytes are sent; and it keeps an error that has come meanwhile for the
            // next call.
            flags |= MSG_NOSIGNAL;
            if ready(fd, POLLOUT) & POLLHUP != 0 {
                set_errno(libc::EPIPE);
                return -1;
            }
        }
        if connecting {
            flags &= !MSG_FASTOPEN;
        }
        let sent = send(done, flags);
        if sent < 0 && errno() == EINPROGRESS && how == How::Try {
            // The first bytes were to go with the connection's, and the server does not take them so.
            connecting = true;
            set_errno(libc::EAGAIN);
        }
        sent
    });
    match usize::try_from(sent) {
        Ok(sent) => call.done(before + sent),
        Err(_) => call.failed(before, errno()),
    }
}

/// sendmsg(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    match place_with(fd, flags) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { send_message(place, fd, message, 0, flags) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::sendmsg(fd, message, flags) },
    }
}

/// Sends what is left of a message after the first bytes. What is beside it, as descriptors, goes with those.
///
/// # Safety
/// The contract of `sendmsg`.
pub(in crate::calls) unsafe fn send_message(
    place: Place,
    fd: c_int,
    message: *const msghdr,
    before: usize,
    flags: c_int,
) -> ssize_t {
    let mut call = Call::writing(place, fd);
    // SAFETY: by this function's contract. The kernel is the one to refuse a message that is none.
    let len = match unsafe { message.as_ref() } {
        // SAFETY: as above.
        Some(message) if message.msg_iovlen <= MOST_BUFFERS => unsafe { total(message.msg_iov, message.msg_iovlen) },
        _ => 0,
    };
    all(&mut call, before, len, flags, |done, flags| {
        if done == 0 {
            // SAFETY: by this function's contract.
            return unsafe { original::sendmsg(fd, message, flags) };
        }
        // SAFETY: as above.
        let mut rest = unsafe { Rest::of((*message).msg_iov, (*message).msg_iovlen, done) };
        let rest = rest.message();
        // SAFETY: the message is that of buffers of the caller's.
        unsafe { original::sendmsg(fd, &raw const rest, flags) }
    })
}

/// The kernel takes so many buffers, and so many messages.
const MOST_BUFFERS: usize = libc::UIO_MAXIOV as usize;

/// sendmmsg(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int {
    match place_with(fd, flags) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { send_messages(place, fd, messages, count, flags) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::sendmmsg(fd, messages, count, flags) },
    }
}

/// # Safety
/// The contract of `sendmmsg`.
unsafe fn send_messages(place: Place, fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int {
    let before = errno();
    let count = count.min(MOST_BUFFERS as c_uint);
    let mut done = 0;
    loop {
        let signal = if done > 0 { MSG_NOSIGNAL } else { 0 };
        // SAFETY: by this function's contract.
        let sent = unsafe {
            original::sendmmsg(
                fd,
                messages.add(done as usize),
                count - done,
                flags | signal | MSG_DONTWAIT,
            )
        };
        // Which of them is to be sent by parking, and how much of it is sent.
        let (next, part) = match c_uint::try_from(sent) {
            Ok(0) => break,
            Ok(sent) => {
                done += sent;
                // SAFETY: the kernel has sent this message, and told how much of it.
                let last = unsafe { &*messages.add(done as usize - 1) };
                // SAFETY: by this function's contract.
                let len = unsafe { total(last.msg_hdr.msg_iov, last.msg_hdr.msg_iovlen) };
                match last.msg_len as usize {
                    part if part < len => (done - 1, part),
                    _ if done == count => break,
                    _ => (done, 0),
                }
            }
            Err(_) if errno() == libc::EAGAIN => (done, 0),
            Err(_) if done > 0 => break,
            Err(_) => return sent,
        };
        // SAFETY: by this function's contract; there are so many messages.
        let message = unsafe { &mut *messages.add(next as usize) };
        let signal = if next > 0 { MSG_NOSIGNAL } else { 0 };
        // SAFETY: by this function's contract.
        let sent = unsafe { send_message(place, fd, &raw const message.msg_hdr, part, flags | signal) };
        let Ok(sent) = c_uint::try_from(sent) else {
            if done > 0 {
                break;
            }
            return -1;
        };
        message.msg_len = sent;
        done = next + 1;
        // SAFETY: as above.
        let len = unsafe { total(message.msg_hdr.msg_iov, message.msg_hdr.msg_iovlen) };
        if done == count || (sent as usize) < len {
            break;
        }
    }
    set_errno(before);
    done as c_int
}

//! Moving bytes from one descriptor to another: sendfile, splice, tee; and between memory and a pipe: vmsplice.
//!
//! `SPLICE_F_NONBLOCK` is for pipes, and neither sockets nor `sendfile` heed it. So what is no pipe is asked by `poll`
//! first, and gets no more at a time than it has room for then.

use hub::core::Events;
use libc::{
    EAGAIN, POLLIN, POLLOUT, SPLICE_F_NONBLOCK, c_int, c_short, c_uint, iovec, loff_t, off_t, off64_t, size_t, ssize_t,
};

use crate::calls::blocking::{Call, How, place_for, ready, socket_option};
use crate::calls::buffers::MOST;
use crate::calls::files::Kind;
use crate::originals::originals;
use crate::place::Place;
use crate::wait::{Failed, errno, set_errno};

mod original {
    use super::*;

    originals! {
        sendfile(output: c_int, input: c_int, offset: *mut off_t, count: size_t) -> ssize_t;
        sendfile64(output: c_int, input: c_int, offset: *mut off64_t, count: size_t) -> ssize_t;
        splice(
            input: c_int, input_offset: *mut loff_t, output: c_int, output_offset: *mut loff_t,
            len: size_t, flags: c_uint,
        ) -> ssize_t;
        tee(input: c_int, output: c_int, len: size_t, flags: c_uint) -> ssize_t;
        vmsplice(pipe: c_int, buffers: *const iovec, count: size_t, flags: c_uint) -> ssize_t;
    }
}

/// The caller's place, if a call for these descriptors may park there.
#[inline(always)]
fn place_between(input: c_int, output: c_int) -> Option<Place> {
    place_for(input).and_then(|_| place_for(output))
}

/// sendfile(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn sendfile(output: c_int, input: c_int, offset: *mut off_t, count: size_t) -> ssize_t {
    // SAFETY: by the prototype's contract.
    let send = |count| unsafe { original::sendfile(output, input, offset, count) };
    match place_between(input, output) {
        Some(place) => send_file(place, output, input, count, send),
        None => send(count),
    }
}

/// `sendfile` with offsets of 64 bits.
#[unsafe(no_mangle)]
unsafe extern "C" fn sendfile64(output: c_int, input: c_int, offset: *mut off64_t, count: size_t) -> ssize_t {
    // SAFETY: by the prototype's contract.
    let send = |count| unsafe { original::sendfile64(output, input, offset, count) };
    match place_between(input, output) {
        Some(place) => send_file(place, output, input, count, send),
        None => send(count),
    }
}

/// Sends all of it, or to a pipe as much as it has room for. What is sent is on a disk, as a rule.
fn send_file(
    place: Place,
    output: c_int,
    input: c_int,
    count: usize,
    mut send: impl FnMut(usize) -> ssize_t,
) -> ssize_t {
    let (Some(from), Some(to)) = (Kind::of(input), Kind::of(output)) else {
        return send(count);
    };
    // The kernel refuses what has no offsets.
    if count == 0 || to == Kind::Disk || matches!(from, Kind::Pipe | Kind::Socket) {
        return send(count);
    }
    let count = count.min(MOST);
    let wanted = if to == Kind::Pipe { 1 } else { count };
    Call::writing(place, output).all(wanted, |done, how| {
        if how == How::Block {
            return send(count - done);
        }
        let room = room(output, to);
        let mut sent = 0;
        // While there is room, so that nobody parks who need not.
        while done + sent < count && is_ready(output, POLLOUT) && (from == Kind::Disk || is_ready(input, POLLIN)) {
            match send((count - done - sent).min(room)) {
                more @ 1.. => sent += more.cast_unsigned(),
                _ if sent > 0 => break,
                other => return other,
            }
            if to == Kind::Pipe {
                break;
            }
        }
        match sent {
            0 => blocks(),
            sent => sent.cast_signed(),
        }
    })
}

/// What a system call returns that would block.
fn blocks() -> ssize_t {
    set_errno(EAGAIN);
    -1
}

fn is_ready(fd: c_int, events: c_short) -> bool {
    ready(fd, events) != 0
}

/// How much something takes at once when it can be written. Of the buffer of a socket, a third is free then, or more;
/// what is beside the bytes counts, too.
fn room(fd: c_int, kind: Kind) -> usize {
    const PAGE: usize = 4096;
    match kind {
        Kind::Disk | Kind::Pipe => usize::MAX,
        Kind::Socket => {
            let buffer: Option<c_int> = socket_option(fd, libc::SO_SNDBUF);
            let buffer = usize::try_from(buffer.unwrap_or(0)).unwrap_or(0);
            PAGE.max(buffer / 8)
        }
        Kind::Other => PAGE,
    }
}

/// splice(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn splice(
    input: c_int,
    input_offset: *mut loff_t,
    output: c_int,
    output_offset: *mut loff_t,
    len: size_t,
    flags: c_uint,
) -> ssize_t {
    // SAFETY: by the prototype's contract.
    let splice = |len, flags| unsafe { original::splice(input, input_offset, output, output_offset, len, flags) };
    match place_between(input, output) {
        Some(place) if len > 0 => move_some(place, input, output, len, flags, splice),
        _ => splice(len, flags),
    }
}

/// tee(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn tee(input: c_int, output: c_int, len: size_t, flags: c_uint) -> ssize_t {
    // SAFETY: by the prototype's contract.
    let tee = |len, flags| unsafe { original::tee(input, output, len, flags) };
    match place_between(input, output) {
        Some(place) if len > 0 => move_some(place, input, output, len, flags, tee),
        _ => tee(len, flags),
    }
}

/// Moves what there is, once there is something, and room for it.
fn move_some(
    place: Place,
    input: c_int,
    output: c_int,
    len: usize,
    flags: c_uint,
    transfer: impl Fn(usize, c_uint) -> ssize_t,
) -> ssize_t {
    let (Some(from), Some(to)) = (Kind::of(input), Kind::of(output)) else {
        return transfer(len, flags);
    };
    if from != Kind::Pipe && to != Kind::Pipe {
        // The kernel refuses that.
        return transfer(len, flags);
    }
    let (mut reading, mut writing) = (Call::reading(place, input), Call::writing(place, output));
    let asks = |kind| matches!(kind, Kind::Socket | Kind::Other);
    loop {
        let waited = if asks(from) && !is_ready(input, POLLIN) {
            reading.wait()
        } else if asks(to) && !is_ready(output, POLLOUT) {
            writing.wait()
        } else {
            let moved = transfer(len.min(room(output, to)), flags | SPLICE_F_NONBLOCK);
            if let Ok(moved) = usize::try_from(moved) {
                return reading.done(moved);
            }
            if errno() != EAGAIN || flags & SPLICE_F_NONBLOCK != 0 {
                return moved;
            }
            match from == Kind::Pipe && !is_ready(input, POLLIN) {
                true => reading.wait(),
                false => writing.wait(),
            }
        };
        match waited {
            Ok(()) => {}
            Err(Failed::Errno(errno)) => return reading.failed(0, errno),
            Err(Failed::MustBlock) => return transfer(len, flags),
        }
    }
}

/// vmsplice(2). Like the kernel, this waits for the first byte only, and does so also if the pipe has `O_NONBLOCK`.
#[unsafe(no_mangle)]
unsafe extern "C" fn vmsplice(pipe: c_int, buffers: *const iovec, count: size_t, flags: c_uint) -> ssize_t {
    // SAFETY: by the prototype's contract.
    let transfer = |flags| unsafe { original::vmsplice(pipe, buffers, count, flags) };
    let Some(place) = place_for(pipe).filter(|_| flags & SPLICE_F_NONBLOCK == 0) else {
        return transfer(flags);
    };
    let before = errno();
    // SAFETY: F_GETFL changes nothing, and takes any number.
    let events = match unsafe { libc::fcntl(pipe, libc::F_GETFL) } & libc::O_ACCMODE {
        libc::O_RDONLY => Events::READ,
        _ => Events::WRITE,
    };
    loop {
        let moved = transfer(flags | SPLICE_F_NONBLOCK);
        if moved >= 0 || errno() != EAGAIN {
            return moved;
        }
        set_errno(before);
        match place.wait_fd(pipe, events, None) {
            Ok(_) => {}
            Err(Failed::Errno(errno)) => {
                set_errno(errno);
                return -1;
            }
            Err(Failed::MustBlock) => return transfer(flags),
        }
    }
}

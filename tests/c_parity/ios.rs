//! The Rust halves of ios.c.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, IntoRawFd};

use hub::core::Events;

use crate::system::{close, dup, dup2, get, make_pipe, make_socketpair, put};
use crate::trace::{TestResult, Trace};

pub(crate) fn readable_and_writable(t: &Trace) -> TestResult {
    let [reader, writer] = make_pipe()?;
    let [empty, _] = make_pipe()?;
    put(writer, "x")?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(reader, Events::READ)?);
    let b = t.watch("b", loop_.io(writer, Events::WRITE)?);
    let c = t.watch("c", loop_.io(empty, Events::READ)?);
    for io in [&a, &b, &c] {
        t.start(io)?;
    }
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn watchers_of_one_descriptor_get_what_each_asked_for(t: &Trace) -> TestResult {
    let [near, far] = make_socketpair()?;
    put(far, "x")?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(near, Events::READ)?);
    let b = t.watch("b", loop_.io(near, Events::WRITE)?);
    let c = t.watch("c", loop_.io(near, Events::READWRITE)?);
    let d = t.watch("d", loop_.io(near, Events::NONE)?);
    for io in [&a, &b, &c, &d] {
        t.start(io)?;
    }
    t.run_nowait(&loop_)?;
    get(near, 1);
    t.run_nowait(&loop_)?;
    c.stop()?;
    b.stop()?;
    t.mark(&loop_, "writers stopped")?;
    t.run_nowait(&loop_)?;
    put(far, "x")?;
    t.run_once(&loop_)
}

pub(crate) fn one_fires_until_the_descriptor_is_drained(t: &Trace) -> TestResult {
    let [reader, writer] = make_pipe()?;
    put(writer, "abc")?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(reader, Events::READ)?);
    t.start_then(&a, {
        let t = t.clone();
        move || t.value("read", get(reader, 1))
    })?;
    for _ in 0..5 {
        t.run_nowait(&loop_)?;
    }
    Ok(())
}

pub(crate) fn the_end_of_a_stream_is_readable(t: &Trace) -> TestResult {
    let [near, far] = make_socketpair()?;
    put(far, "abc")?;
    close(far)?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(near, Events::READ)?);
    t.start_then(&a, {
        let (t, a) = (t.clone(), a.clone());
        move || {
            let n = get(near, 100);
            t.value("read", n)?;
            if n == 0 {
                a.stop()?;
            }
            Ok(())
        }
    })?;
    t.run(&loop_)
}

pub(crate) fn a_pipe_whose_other_end_is_closed(t: &Trace) -> TestResult {
    let first = make_pipe()?;
    let second = make_pipe()?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(first[0], Events::READ)?);
    let b = t.watch("b", loop_.io(second[1], Events::WRITE)?);
    t.start(&a)?;
    t.run_nowait(&loop_)?;
    close(first[1])?;
    t.run_once(&loop_)?;
    a.stop()?;
    close(second[0])?;
    t.start(&b)?;
    t.run_nowait(&loop_)
}

pub(crate) fn a_file_is_always_ready(t: &Trace) -> TestResult {
    let file = File::open("/etc/passwd")?.into_raw_fd();
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(file, Events::READ)?);
    let b = t.watch("b", loop_.io(file, Events::WRITE)?);
    t.start(&a)?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)?;
    t.start(&b)?;
    t.run_nowait(&loop_)?;
    a.stop()?;
    t.run_nowait(&loop_)
}

pub(crate) fn priority_decides_between_descriptors(t: &Trace) -> TestResult {
    let [_, first] = make_pipe()?;
    let [_, second] = make_pipe()?;
    let [_, third] = make_pipe()?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(first, Events::WRITE)?.with_priority(-1)?);
    let b = t.watch("b", loop_.io(second, Events::WRITE)?);
    let c = t.watch("c", loop_.io(third, Events::WRITE)?.with_priority(2)?);
    for io in [&a, &b, &c] {
        t.start(io)?;
    }
    t.run_nowait(&loop_)
}

pub(crate) fn many_descriptors_at_once(t: &Trace) -> TestResult {
    const NAMES: [&str; 20] = [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19",
    ];
    let loop_ = t.new_loop()?;
    let mut many = Vec::new();
    for (i, name) in NAMES.into_iter().enumerate() {
        let [reader, writer] = make_pipe()?;
        if i % 3 != 0 {
            put(writer, "x")?;
        }
        let io = t.watch(name, loop_.io(reader, Events::READ)?);
        t.start(&io)?;
        many.push(io);
    }
    t.run_nowait(&loop_)?;
    for io in many.iter().step_by(2) {
        io.stop()?;
    }
    t.run_nowait(&loop_)
}

pub(crate) fn changes_before_the_wait_are_told_to_the_kernel_once(t: &Trace) -> TestResult {
    let [near, far] = make_socketpair()?;
    put(far, "x")?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(near, Events::READ)?);
    let b = t.watch("b", loop_.io(near, Events::WRITE)?);
    for _ in 0..3 {
        t.start(&a)?;
        t.start(&b)?;
        a.stop()?;
    }
    t.mark(&loop_, "to and fro")?;
    t.run_nowait(&loop_)?;
    b.stop()?;
    t.start(&b)?;
    t.run_nowait(&loop_)?;
    b.stop()?;
    t.run_nowait(&loop_)
}

pub(crate) fn other_events_and_another_descriptor_while_stopped(t: &Trace) -> TestResult {
    let [first, _first_far] = make_socketpair()?;
    let [second, second_far] = make_socketpair()?;
    put(second_far, "x")?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(first, Events::READ)?);
    t.start(&a)?;
    t.run_nowait(&loop_)?;
    a.stop()?;
    a.set_events(Events::WRITE)?;
    t.start(&a)?;
    t.run_nowait(&loop_)?;
    a.stop()?;
    a.set_fd(second)?;
    a.set_events(Events::READ)?;
    t.start(&a)?;
    t.run_nowait(&loop_)
}

pub(crate) fn one_stopped_by_another_does_not_fire(t: &Trace) -> TestResult {
    let [near, far] = make_socketpair()?;
    put(far, "x")?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(near, Events::READ)?.with_priority(1)?);
    let b = t.watch("b", loop_.io(near, Events::WRITE)?);
    t.start(&b)?;
    t.start_then(&a, {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || {
            b.stop()?;
            t.mark(&loop_, "b stopped")
        }
    })?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn closed_before_the_first_wait(t: &Trace) -> TestResult {
    let [reader, _] = make_pipe()?;
    let other = make_pipe()?;
    put(other[1], "x")?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(reader, Events::READ)?);
    let b = t.watch("b", loop_.io(other[0], Events::READ)?);
    t.start(&a)?;
    t.start(&b)?;
    close(reader)?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn closed_while_watched(t: &Trace) -> TestResult {
    let [reader, _] = make_pipe()?;
    let other = make_pipe()?;
    put(other[1], "x")?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(reader, Events::READ)?);
    let b = t.watch("b", loop_.io(other[0], Events::READ)?);
    t.start(&a)?;
    t.start(&b)?;
    t.run_nowait(&loop_)?;
    close(reader)?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)?;
    t.mark(&loop_, "closed")?;
    a.stop()?;
    t.run_nowait(&loop_)
}

pub(crate) fn closed_and_then_told_to_the_kernel_again(t: &Trace) -> TestResult {
    let [near, _] = make_socketpair()?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(near, Events::READ)?);
    let b = t.watch("b", loop_.io(near, Events::READ)?);
    t.start(&a)?;
    t.start(&b)?;
    t.run_nowait(&loop_)?;
    close(near)?;
    b.stop()?;
    a.stop()?;
    t.start(&a)?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn the_number_of_a_closed_one_is_reused(t: &Trace) -> TestResult {
    let first = make_pipe()?;
    let second = make_pipe()?;
    put(second[1], "x")?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(first[0], Events::READ)?);
    t.start(&a)?;
    t.run_nowait(&loop_)?;
    a.stop()?;
    dup2(second[0], first[0])?;
    a.set_fd(first[0])?;
    t.start(&a)?;
    t.run_nowait(&loop_)?;
    get(second[0], 1);
    t.run_nowait(&loop_)
}

pub(crate) fn the_number_is_reused_while_watched(t: &Trace) -> TestResult {
    let first = make_pipe()?;
    let second = make_pipe()?;
    put(second[1], "x")?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(first[0], Events::READ)?);
    let b = t.watch("b", loop_.io(first[0], Events::READ)?);
    t.start(&a)?;
    t.run_nowait(&loop_)?;
    dup2(second[0], first[0])?;
    t.run_nowait(&loop_)?;
    t.start(&b)?;
    t.run_nowait(&loop_)
}

pub(crate) fn a_duplicate_is_a_descriptor_of_its_own(t: &Trace) -> TestResult {
    let [reader, writer] = make_pipe()?;
    let loop_ = t.new_loop()?;
    let copy = dup(reader)?;
    let a = t.watch("a", loop_.io(reader, Events::READ)?);
    let b = t.watch("b", loop_.io(copy, Events::READ)?);
    t.start(&a)?;
    t.start(&b)?;
    put(writer, "x")?;
    t.run_nowait(&loop_)?;
    a.stop()?;
    t.run_nowait(&loop_)
}

pub(crate) fn the_original_is_closed_and_a_duplicate_is_left(t: &Trace) -> TestResult {
    let [reader, writer] = make_pipe()?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.io(reader, Events::READ)?);
    t.start(&a)?;
    t.run_nowait(&loop_)?;
    let copy = dup(reader)?;
    let b = t.watch("b", loop_.io(copy, Events::READ)?);
    t.start(&b)?;
    a.stop()?;
    close(reader)?;
    put(writer, "x")?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)
}

/// Our loop does what libev does: see the C half.
pub(crate) fn a_closed_listener(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    for shut_down in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let a = loop_.io(listener.as_raw_fd(), Events::READ)?;
        a.start(|| ())?;
        loop_.run_nowait()?;
        a.stop()?;
        if shut_down {
            // SAFETY: a plain system call on a descriptor that is open.
            unsafe { libc::shutdown(listener.as_raw_fd(), libc::SHUT_RDWR) };
        }
        drop(listener);
        t.value("accepts when closed", TcpStream::connect(address).is_ok().into())?;
    }
    Ok(())
}

//! Sleeps, and look-ups of names.

use std::io;
use std::ptr::{null, null_mut};

use crate::strike::{Case, Row, Thrown, done};

/// Twenty milliseconds.
const TIME: libc::timespec = libc::timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// A call that ends by itself.
fn sleeps(call: fn() -> io::Result<()>) -> Case {
    Case {
        call: Box::new(call),
        give: Box::new(|| {}),
        fd: None,
        check: Box::new(|_, _| {}),
    }
}

fn nanosleep() -> io::Result<()> {
    // SAFETY: the pointer is that of a constant.
    done(unsafe { libc::nanosleep(&TIME, null_mut()) }).map(drop)
}

fn clock_nanosleep() -> io::Result<()> {
    // SAFETY: as above.
    match unsafe { libc::clock_nanosleep(libc::CLOCK_MONOTONIC, 0, &TIME, null_mut()) } {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

fn usleep() -> io::Result<()> {
    // SAFETY: the function has no conditions.
    done(unsafe { libc::usleep(20_000) }).map(drop)
}

fn sleep() -> io::Result<()> {
    // SAFETY: the function has no conditions.
    match unsafe { libc::sleep(1) } {
        0 => Ok(()),
        left => Err(io::Error::other(format!("{left} s are left"))),
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, make| Row::new(name, make).thrown(Thrown::Returns);
    vec![
        row("nanosleep", || sleeps(nanosleep)),
        row("clock_nanosleep", || sleeps(clock_nanosleep)),
        row("usleep", || sleeps(usleep)),
        row("sleep", || sleeps(sleep)),
        // A lookup ends by itself, at any time, so that a strike may come too late for it.
        Row::new("getaddrinfo", || sleeps(getaddrinfo)).thrown(Thrown::FailsOrReturns),
        Row::new("getnameinfo", || sleeps(getnameinfo)).thrown(Thrown::FailsOrReturns),
    ]
}

/// A name that is in the system's table.
fn getaddrinfo() -> io::Result<()> {
    let mut list = null_mut();
    // SAFETY: the name ends with a zero, and the list is a variable.
    match unsafe { libc::getaddrinfo(c"localhost".as_ptr(), null(), null(), &raw mut list) } {
        0 => {
            // SAFETY: this is the list, and nobody else's.
            unsafe { libc::freeaddrinfo(list) };
            Ok(())
        }
        libc::EAI_SYSTEM => Err(io::Error::last_os_error()),
        other => Err(io::Error::other(format!("error {other}"))),
    }
}

fn getnameinfo() -> io::Result<()> {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: 0,
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
        },
        sin_zero: [0; 8],
    };
    let mut name = [0; 100];
    // SAFETY: the sizes are those of the variables.
    let found = unsafe {
        libc::getnameinfo(
            (&raw const address).cast(),
            size_of_val(&address) as u32,
            name.as_mut_ptr(),
            name.len() as u32,
            null_mut(),
            0,
            0,
        )
    };
    match found {
        0 => Ok(()),
        libc::EAI_SYSTEM => Err(io::Error::last_os_error()),
        other => Err(io::Error::other(format!("error {other}"))),
    }
}

//! Look-ups of names and addresses.

use std::io;
use std::ptr::{null, null_mut};

use libc::{c_char, c_int, c_void, hostent, socklen_t};

use crate::pools::{Pool, queued};
use crate::row::{Case, Row};

unsafe extern "C" {
    fn gethostbyname(name: *const c_char) -> *mut hostent;
    fn gethostbyname2(name: *const c_char, family: c_int) -> *mut hostent;
    fn gethostbyaddr(address: *const c_void, size: socklen_t, family: c_int) -> *mut hostent;
    fn gethostbyname_r(
        name: *const c_char,
        entry: *mut hostent,
        buffer: *mut c_char,
        size: usize,
        found: *mut *mut hostent,
        error: *mut c_int,
    ) -> c_int;
    fn gethostbyname2_r(
        name: *const c_char,
        family: c_int,
        entry: *mut hostent,
        buffer: *mut c_char,
        size: usize,
        found: *mut *mut hostent,
        error: *mut c_int,
    ) -> c_int;
    fn gethostbyaddr_r(
        address: *const c_void,
        address_size: socklen_t,
        family: c_int,
        entry: *mut hostent,
        buffer: *mut c_char,
        size: usize,
        found: *mut *mut hostent,
        error: *mut c_int,
    ) -> c_int;
}

/// A name that is in the system's table, and its address.
const NAME: *const c_char = c"localhost".as_ptr();
const ADDRESS: [u8; 4] = [127, 0, 0, 1];

/// The code of `getaddrinfo` and `getnameinfo`.
fn looked_up(code: c_int) -> io::Result<()> {
    match code {
        0 => Ok(()),
        libc::EAI_SYSTEM => Err(io::Error::last_os_error()),
        other => Err(io::Error::other(format!("error {other}"))),
    }
}

fn getaddrinfo() -> io::Result<()> {
    let mut list = null_mut();
    // SAFETY: the name ends with a zero, and the list is a variable, which is freed once.
    unsafe {
        looked_up(libc::getaddrinfo(NAME, null(), null(), &raw mut list))?;
        libc::freeaddrinfo(list);
    }
    Ok(())
}

fn getnameinfo() -> io::Result<()> {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: 0,
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes(ADDRESS),
        },
        sin_zero: [0; 8],
    };
    let mut name = [0; 100];
    // SAFETY: the sizes are those of the variables.
    looked_up(unsafe {
        libc::getnameinfo(
            (&raw const address).cast(),
            size_of_val(&address) as u32,
            name.as_mut_ptr(),
            name.len() as u32,
            null_mut(),
            0,
            0,
        )
    })
}

fn found(entry: *mut hostent) -> io::Result<()> {
    match entry.is_null() {
        true => Err(io::Error::last_os_error()),
        false => Ok(()),
    }
}

/// Has a look-up write what it finds into variables.
fn finds(
    look_up: impl FnOnce(*mut hostent, *mut c_char, usize, *mut *mut hostent, *mut c_int) -> c_int,
) -> io::Result<()> {
    // SAFETY: its fields are numbers and pointers.
    let mut entry: hostent = unsafe { std::mem::zeroed() };
    let (mut buffer, mut result, mut error) = ([0; 1024], null_mut(), 0);
    let code = look_up(
        &raw mut entry,
        buffer.as_mut_ptr(),
        buffer.len(),
        &raw mut result,
        &raw mut error,
    );
    crate::row::answered(code)?;
    assert!(!result.is_null(), "error {error}");
    Ok(())
}

/// The address, and its size.
fn address() -> (*const c_void, socklen_t) {
    (ADDRESS.as_ptr().cast(), ADDRESS.len() as socklen_t)
}

pub(crate) fn rows() -> Vec<Row> {
    fn case(call: fn() -> io::Result<()>) -> Case {
        queued(Pool::OfNames, call)
    }
    const FAMILY: c_int = libc::AF_INET;
    // SAFETY: in each row, the name ends with a zero, and all others are constants, or variables of such sizes.
    unsafe {
        vec![
            Row::new("getaddrinfo", || case(getaddrinfo)),
            Row::new("getnameinfo", || case(getnameinfo)),
            Row::new("gethostbyname", || case(|| found(gethostbyname(NAME)))),
            Row::new("gethostbyname2", || case(|| found(gethostbyname2(NAME, FAMILY)))),
            Row::new("gethostbyaddr", || {
                case(|| found(gethostbyaddr(address().0, address().1, FAMILY)))
            }),
            Row::new("gethostbyname_r", || {
                case(|| {
                    finds(|entry, buffer, size, found, error| gethostbyname_r(NAME, entry, buffer, size, found, error))
                })
            }),
            Row::new("gethostbyname2_r", || {
                case(|| {
                    finds(|entry, buffer, size, found, error| {
                        gethostbyname2_r(NAME, FAMILY, entry, buffer, size, found, error)
                    })
                })
            }),
            Row::new("gethostbyaddr_r", || {
                case(|| {
                    let (address, length) = address();
                    finds(|entry, buffer, size, found, error| {
                        gethostbyaddr_r(address, length, FAMILY, entry, buffer, size, found, error)
                    })
                })
            }),
        ]
    }
}

//! The older lookups of names, gethostbyname(3) and its kin, by threads of the hub's pool. See `names.rs`.

use std::cell::RefCell;
use std::ffi::CString;
use std::net::IpAddr;
use std::ptr::{null_mut, slice_from_raw_parts};

use libc::{c_char, c_int, c_void, hostent, size_t, socklen_t};

use super::names::text;
use super::resolver_state::by_pool;
use crate::originals::originals;
use crate::patches::Module;
use crate::place::{Place, place};
use crate::wait::{Failed, errno, set_errno};

mod original {
    use super::*;

    originals! {
        gethostbyname(name: *const c_char) -> *mut hostent;
        gethostbyname2(name: *const c_char, family: c_int) -> *mut hostent;
        gethostbyaddr(address: *const c_void, size: socklen_t, family: c_int) -> *mut hostent;
        gethostbyname_r(
            name: *const c_char, entry: *mut hostent, buffer: *mut c_char, size: size_t,
            found: *mut *mut hostent, h_error: *mut c_int,
        ) -> c_int;
        gethostbyname2_r(
            name: *const c_char, family: c_int, entry: *mut hostent, buffer: *mut c_char, size: size_t,
            found: *mut *mut hostent, h_error: *mut c_int,
        ) -> c_int;
        gethostbyaddr_r(
            address: *const c_void, address_size: socklen_t, family: c_int, entry: *mut hostent,
            buffer: *mut c_char, size: size_t, found: *mut *mut hostent, h_error: *mut c_int,
        ) -> c_int;
    }
}

unsafe extern "C" {
    safe fn __h_errno_location() -> *mut c_int;
}

/// `h_errno` when `errno` has the reason.
const NETDB_INTERNAL: c_int = -1;

/// What is looked for.
enum Query {
    Name(CString),
    NameIn(CString, c_int),
    Address(Box<[u8]>, c_int),
}

/// Where the C library writes what it finds, for one call.
struct Places {
    entry: *mut hostent,
    buffer: *mut c_char,
    size: usize,
    found: *mut *mut hostent,
    h_error: *mut c_int,
}

impl Query {
    /// # Safety
    /// The pointer is null, or that of a text.
    unsafe fn name(name: *const c_char, family: Option<c_int>) -> Option<Query> {
        // SAFETY: by this function's contract.
        let name = unsafe { text(name) }?;
        if name.to_str().is_ok_and(|name| name.parse::<IpAddr>().is_ok()) {
            // Nobody has to be asked for.
            return None;
        }
        Some(match family {
            Some(family) => Query::NameIn(name, family),
            None => Query::Name(name),
        })
    }

    /// # Safety
    /// The pointer is null, or that of so many bytes.
    unsafe fn address(address: *const c_void, size: socklen_t, family: c_int) -> Option<Query> {
        // SAFETY: by this function's contract.
        let address = unsafe { slice_from_raw_parts(address.cast::<u8>(), size as usize).as_ref() }?;
        Some(Query::Address(address.into(), family))
    }

    /// Looks it up in this thread.
    ///
    /// # Safety
    /// The places are those of variables, and of a buffer that has so many bytes.
    unsafe fn ask(&self, places: &Places) -> c_int {
        let Places {
            entry,
            buffer,
            size,
            found,
            h_error,
        } = *places;
        // SAFETY: by this function's contract; the texts are this query's own.
        unsafe {
            match self {
                Query::Name(name) => original::gethostbyname_r(name.as_ptr(), entry, buffer, size, found, h_error),
                Query::NameIn(name, family) => {
                    original::gethostbyname2_r(name.as_ptr(), *family, entry, buffer, size, found, h_error)
                }
                Query::Address(bytes, family) => {
                    let (address, length) = (bytes.as_ptr().cast(), bytes.len() as socklen_t);
                    original::gethostbyaddr_r(address, length, *family, entry, buffer, size, found, h_error)
                }
            }
        }
    }

    /// Looks it up, with a buffer of the size that begins so many bytes behind a multiple of [`Unit`]'s size.
    fn answer(&self, size: usize, offset: usize) -> Answer {
        let mut buffer = vec![Unit([0; UNIT]); (offset + size).div_ceil(UNIT)].into_boxed_slice();
        // SAFETY: a `hostent` is numbers and pointers.
        let mut entry: hostent = unsafe { std::mem::zeroed() };
        let (mut found, mut h_error) = (null_mut(), 0);
        let places = Places {
            entry: &raw mut entry,
            buffer: buffer.as_mut_ptr().cast::<c_char>().wrapping_add(offset),
            size,
            found: &raw mut found,
            h_error: &raw mut h_error,
        };
        // SAFETY: the places are variables of this function, and the buffer is large enough.
        let code = unsafe { self.ask(&places) };
        Answer {
            code,
            is_found: code == 0 && !found.is_null(),
            errno: errno(),
            h_error,
            entry,
            start: places.buffer,
            size,
            _buffer: buffer,
        }
    }

    /// Looks it up, in a buffer that is large enough.
    fn whole_answer(&self) -> Answer {
        let mut size = 1024;
        loop {
            let answer = self.answer(size, 0);
            if answer.code != libc::ERANGE {
                return answer;
            }
            size *= 2;
        }
    }
}

/// The C library lays pointers on multiples of less.
const UNIT: usize = 16;

#[repr(align(16))]
#[derive(Clone, Copy)]
struct Unit(#[allow(dead_code, reason = "the C library writes and reads it")] [u8; UNIT]);

/// What was found, with the buffer that its pointers point into.
struct Answer {
    code: c_int,
    is_found: bool,
    errno: c_int,
    h_error: c_int,
    entry: hostent,
    start: *mut c_char,
    size: usize,
    _buffer: Box<[Unit]>,
}

// SAFETY: the pointers are into the buffer, which the answer owns, and into constants of the C library.
unsafe impl Send for Answer {}

impl Answer {
    /// Copies all of it into places of the caller's.
    ///
    /// # Safety
    /// As for `Query::ask`; the buffer has the answer's size, and begins as far behind a multiple of [`Unit`]'s size.
    unsafe fn copy(&self, places: &Places) {
        let distance = (places.buffer.addr()).wrapping_sub(self.start.addr());
        let is_inside =
            |pointer: *mut c_char| (self.start.addr()..self.start.addr() + self.size).contains(&pointer.addr());
        let moved = |pointer: *mut c_char| match is_inside(pointer) {
            true => places.buffer.with_addr(pointer.addr().wrapping_add(distance)),
            false => pointer,
        };
        let moved_list = |list: *mut *mut c_char| {
            let copy = moved(list.cast()).cast::<*mut c_char>();
            if is_inside(list.cast()) {
                for index in 0.. {
                    // SAFETY: the list is one of the C library's, which ends with a null, and so is its copy. It begins
                    // at any address if the buffer does.
                    unsafe {
                        let pointer = list.add(index).read_unaligned();
                        copy.add(index).write_unaligned(moved(pointer));
                        if pointer.is_null() {
                            break;
                        }
                    }
                }
            }
            copy
        };
        // SAFETY: by this function's contract.
        unsafe {
            self.start.copy_to_nonoverlapping(places.buffer, self.size);
            places.entry.write(hostent {
                h_name: moved(self.entry.h_name),
                h_aliases: moved_list(self.entry.h_aliases),
                h_addr_list: moved_list(self.entry.h_addr_list),
                ..self.entry
            });
        }
    }
}

thread_local! {
    /// What the functions without a place for it have found last: in the virtual thread, or for all greenlets of a
    /// thread.
    static LAST: RefCell<Option<Box<Answer>>> = const { RefCell::new(None) };
}

/// The entry that a query finds, which lives until the next one. None if it must be looked up by the caller.
fn found(query: Option<Query>, place: Place) -> Option<*mut hostent> {
    let query = query?;
    let (entry, failure) = match by_pool(place, move || query.whole_answer()) {
        Ok(answer) => {
            let mut answer = Box::new(answer);
            let entry = &raw mut answer.entry;
            let (is_found, failure) = (answer.is_found, (answer.errno, answer.h_error));
            let old = LAST.try_with(|last| last.replace(Some(answer))).ok()?;
            drop(old);
            (if is_found { entry } else { null_mut() }, failure)
        }
        Err(Failed::Errno(errno)) => (null_mut(), (errno, NETDB_INTERNAL)),
        Err(Failed::MustBlock) => return None,
    };
    if entry.is_null() {
        set_errno(failure.0);
        // SAFETY: the place is the calling thread's.
        unsafe { __h_errno_location().write(failure.1) };
    }
    Some(entry)
}

/// Puts what a query finds into the caller's places, and returns the code. None if it must be looked up by the caller.
///
/// # Safety
/// As for `Query::ask`.
unsafe fn found_in(query: Option<Query>, place: Place, places: &Places) -> Option<c_int> {
    let query = query?;
    let (size, offset) = (places.size, places.buffer.addr() % UNIT);
    let (code, entry, h_error) = match by_pool(place, move || query.answer(size, offset)) {
        Ok(answer) if answer.is_found => {
            // SAFETY: by this function's contract; the answer was made for this buffer.
            unsafe { answer.copy(places) };
            (answer.code, places.entry, answer.h_error)
        }
        Ok(answer) => {
            set_errno(answer.errno);
            (answer.code, null_mut(), answer.h_error)
        }
        Err(Failed::Errno(errno)) => {
            set_errno(errno);
            (errno, null_mut(), NETDB_INTERNAL)
        }
        Err(Failed::MustBlock) => return None,
    };
    // SAFETY: by this function's contract.
    unsafe {
        places.found.write(entry);
        places.h_error.write(h_error);
    }
    Some(code)
}

/// gethostbyname(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn gethostbyname(name: *const c_char) -> *mut hostent {
    if let Some(place) = place(Module::Dns)
        // SAFETY: by the prototype's contract.
        && let Some(entry) = found(unsafe { Query::name(name, None) }, place)
    {
        return entry;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::gethostbyname(name) }
}

/// gethostbyname2(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn gethostbyname2(name: *const c_char, family: c_int) -> *mut hostent {
    if let Some(place) = place(Module::Dns)
        // SAFETY: by the prototype's contract.
        && let Some(entry) = found(unsafe { Query::name(name, Some(family)) }, place)
    {
        return entry;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::gethostbyname2(name, family) }
}

/// gethostbyaddr(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn gethostbyaddr(address: *const c_void, size: socklen_t, family: c_int) -> *mut hostent {
    if let Some(place) = place(Module::Dns)
        // SAFETY: by the prototype's contract.
        && let Some(entry) = found(unsafe { Query::address(address, size, family) }, place)
    {
        return entry;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::gethostbyaddr(address, size, family) }
}

/// gethostbyname_r(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn gethostbyname_r(
    name: *const c_char,
    entry: *mut hostent,
    buffer: *mut c_char,
    size: size_t,
    found: *mut *mut hostent,
    h_error: *mut c_int,
) -> c_int {
    if let Some(place) = place(Module::Dns) {
        let places = Places {
            entry,
            buffer,
            size,
            found,
            h_error,
        };
        // SAFETY: by the prototype's contract.
        if let Some(code) = unsafe { found_in(Query::name(name, None), place, &places) } {
            return code;
        }
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::gethostbyname_r(name, entry, buffer, size, found, h_error) }
}

/// gethostbyname2_r(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn gethostbyname2_r(
    name: *const c_char,
    family: c_int,
    entry: *mut hostent,
    buffer: *mut c_char,
    size: size_t,
    found: *mut *mut hostent,
    h_error: *mut c_int,
) -> c_int {
    if let Some(place) = place(Module::Dns) {
        let places = Places {
            entry,
            buffer,
            size,
            found,
            h_error,
        };
        // SAFETY: by the prototype's contract.
        if let Some(code) = unsafe { found_in(Query::name(name, Some(family)), place, &places) } {
            return code;
        }
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::gethostbyname2_r(name, family, entry, buffer, size, found, h_error) }
}

/// gethostbyaddr_r(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn gethostbyaddr_r(
    address: *const c_void,
    address_size: socklen_t,
    family: c_int,
    entry: *mut hostent,
    buffer: *mut c_char,
    size: size_t,
    found: *mut *mut hostent,
    h_error: *mut c_int,
) -> c_int {
    if let Some(place) = place(Module::Dns) {
        let places = Places {
            entry,
            buffer,
            size,
            found,
            h_error,
        };
        // SAFETY: by the prototype's contract.
        if let Some(code) = unsafe { found_in(Query::address(address, address_size, family), place, &places) } {
            return code;
        }
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::gethostbyaddr_r(address, address_size, family, entry, buffer, size, found, h_error) }
}

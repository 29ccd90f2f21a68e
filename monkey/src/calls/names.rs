//! The lookup of names and addresses, by threads of the hub's pool.
//!
//! A caller that an exception is thrown into does not wait for its thread. So the threads own all that they use; what
//! they find is copied to the caller, or handed over, by the caller itself.

use std::ffi::{CStr, CString};
use std::net::IpAddr;
use std::ptr::{null, null_mut};

use libc::{addrinfo, c_char, c_int, sockaddr, socklen_t};

use super::resolver_state::by_pool;
use crate::originals::originals;
use crate::patches::Module;
use crate::place::{Place, place};
use crate::wait::{Failed, errno, set_errno};

mod original {
    use super::*;

    originals! {
        getaddrinfo(
            name: *const c_char, service: *const c_char, hints: *const addrinfo, list: *mut *mut addrinfo,
        ) -> c_int;
        getnameinfo(
            address: *const sockaddr, size: socklen_t, name: *mut c_char, name_size: socklen_t,
            service: *mut c_char, service_size: socklen_t, flags: c_int,
        ) -> c_int;
    }
}

/// A copy of a text of the caller's.
///
/// # Safety
/// The pointer is null, or that of a text.
pub(super) unsafe fn text(text: *const c_char) -> Option<CString> {
    // SAFETY: by this function's contract.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_owned())
}

/// The pointer to a text, for the C library.
pub(super) fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

/// What a lookup returns whose caller does not wait for its end. None if it must block.
fn given_up(failed: Failed) -> Option<c_int> {
    match failed {
        Failed::Errno(errno) => {
            set_errno(errno);
            Some(libc::EAI_SYSTEM)
        }
        Failed::MustBlock => None,
    }
}

/// getaddrinfo(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    name: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    list: *mut *mut addrinfo,
) -> c_int {
    if let Some(place) = place(Module::Dns)
        // SAFETY: by the prototype's contract.
        && let Some(result) = unsafe { found_addresses(place, name, service, hints, list) }
    {
        return result;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::getaddrinfo(name, service, hints, list) }
}

/// A list that `getaddrinfo` has made, and that this owns.
struct List(*mut addrinfo);

// SAFETY: the list is memory of the allocator's, which any thread may use and free.
unsafe impl Send for List {}

impl List {
    fn into_raw(self) -> *mut addrinfo {
        std::mem::ManuallyDrop::new(self).0
    }
}

impl Drop for List {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the list is of `getaddrinfo`, and nobody else's.
            unsafe { libc::freeaddrinfo(self.0) };
        }
    }
}

/// # Safety
/// As for getaddrinfo(3).
unsafe fn found_addresses(
    place: Place,
    name: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    list: *mut *mut addrinfo,
) -> Option<c_int> {
    // SAFETY: by this function's contract.
    let (name, service, hints) = unsafe { (text(name)?, text(service), hints.as_ref()) };
    let hints = hints.map(|hints| [hints.ai_flags, hints.ai_family, hints.ai_socktype, hints.ai_protocol]);
    let numeric = hints.is_some_and(|[flags, ..]| flags & libc::AI_NUMERICHOST != 0);
    if numeric || name.to_str().is_ok_and(|name| name.parse::<IpAddr>().is_ok()) {
        // Nothing has to be asked for.
        return None;
    }
    let look_up = move || {
        let name = Some(name);
        // SAFETY: all fields of `addrinfo` are numbers and pointers.
        let mut theirs: addrinfo = unsafe { std::mem::zeroed() };
        let mut hint = null();
        if let Some([flags, family, socktype, protocol]) = hints {
            theirs.ai_flags = flags;
            theirs.ai_family = family;
            theirs.ai_socktype = socktype;
            theirs.ai_protocol = protocol;
            hint = &raw const theirs;
        }
        let mut list = null_mut();
        // SAFETY: the texts and the hints are this closure's own.
        let code = unsafe { original::getaddrinfo(pointer(&name), pointer(&service), hint, &raw mut list) };
        let list = List(if code == 0 { list } else { null_mut() });
        (code, list, errno())
    };
    match by_pool(place, look_up) {
        Ok((0, found, _)) => {
            // SAFETY: by this function's contract.
            unsafe { list.write(found.into_raw()) };
            Some(0)
        }
        Ok((code, _, errno)) => {
            set_errno(errno);
            Some(code)
        }
        Err(failed) => given_up(failed),
    }
}

/// getnameinfo(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn getnameinfo(
    address: *const sockaddr,
    size: socklen_t,
    name: *mut c_char,
    name_size: socklen_t,
    service: *mut c_char,
    service_size: socklen_t,
    flags: c_int,
) -> c_int {
    if flags & libc::NI_NUMERICHOST == 0
        && !address.is_null()
        && !(name.is_null() || name_size == 0)
        && let Some(place) = place(Module::Dns)
    {
        // SAFETY: by the prototype's contract.
        let address = unsafe { std::slice::from_raw_parts(address.cast::<u8>(), size as usize) };
        let sizes = [name_size, if service.is_null() { 0 } else { service_size }];
        match found_names(place, address, sizes, flags) {
            Ok(Ok(texts)) => {
                for (text, place) in texts.into_iter().zip([name, service]) {
                    // SAFETY: the text is not longer than the place, by the sizes that were given to the C library.
                    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), place.cast(), text.len()) };
                }
                return 0;
            }
            Ok(Err((code, errno))) => {
                set_errno(errno);
                return code;
            }
            Err(failed) => {
                if let Some(result) = given_up(failed) {
                    return result;
                }
            }
        }
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::getnameinfo(address, size, name, name_size, service, service_size, flags) }
}

/// The names of an address, and of a service, as far as they are asked for, each with its zero; or the code of a
/// failure, and the `errno`.
type Names = Result<[Vec<u8>; 2], (c_int, c_int)>;

fn found_names(place: Place, address: &[u8], sizes: [socklen_t; 2], flags: c_int) -> Result<Names, Failed> {
    // An address begins where a number may.
    let mut aligned = vec![0_u64; address.len().div_ceil(8)];
    // SAFETY: the copy is as long as the address, at least, and numbers have no padding.
    unsafe { std::ptr::copy_nonoverlapping(address.as_ptr(), aligned.as_mut_ptr().cast(), address.len()) };
    let size = address.len() as socklen_t;
    by_pool(place, move || {
        let mut texts = sizes.map(|size| vec![0_u8; size as usize]);
        let [name, service] = texts.each_mut().map(|text| match text.len() {
            0 => null_mut(),
            _ => text.as_mut_ptr().cast(),
        });
        let address = aligned.as_ptr().cast();
        // SAFETY: the address and the places are this closure's own, and as large as is said.
        let code = unsafe { original::getnameinfo(address, size, name, sizes[0], service, sizes[1], flags) };
        if code != 0 {
            return Err((code, errno()));
        }
        for text in &mut texts {
            let end = text.iter().position(|byte| *byte == 0).map_or(0, |zero| zero + 1);
            text.truncate(end);
        }
        Ok(texts)
    })
}

//! The C library's functions that look names up. They block.
//!
//! When no descriptors are left, the C library can open neither its files nor a socket, and mostly says that the name
//! is not known. Here such a failure is `EMFILE`: see [`failure`].

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::net::IpAddr;
use std::{iter, mem, ptr, slice};

use errno::{Errno, errno, set_errno};
use greenlet_core::direct;
use socket2::{Domain, SockAddr, Socket, Type};

use super::{AddrInfo, GaiError, GetAddrInfo, HError, HostEntry};

/// The host has no address of the family that is wanted.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) const EAI_ADDRFAMILY: c_int = -9;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) const EAI_ADDRFAMILY: c_int = 1;

pub(super) fn getaddrinfo(
    host: Option<&CStr>,
    service: Option<&CStr>,
    settings: GetAddrInfo,
) -> io::Result<Vec<AddrInfo>> {
    // SAFETY: all fields of `addrinfo` are numbers and pointers, for which zero is a value.
    let mut hints: libc::addrinfo = unsafe { mem::zeroed() };
    hints.ai_family = settings.family;
    hints.ai_socktype = settings.type_;
    hints.ai_protocol = settings.proto;
    hints.ai_flags = settings.flags;
    let text = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
    let mut list = ptr::null_mut();
    set_errno(Errno(0));
    // SAFETY: the texts and the hints live until the call has returned, and `list` is a place for a pointer.
    let code = direct(|| unsafe { libc::getaddrinfo(text(host), text(service), &hints, &mut list) });
    if code != 0 {
        return Err(gai_failure(code));
    }
    let list = List(list);
    let found: Vec<_> = list.iter().filter_map(addr_info).collect();
    match found.is_empty() {
        true => Err(GaiError::new(libc::EAI_NONAME).into()),
        false => Ok(found),
    }
}

/// A list of the C library's, which this owns.
struct List(*mut libc::addrinfo);

impl List {
    fn iter(&self) -> impl Iterator<Item = &libc::addrinfo> {
        // SAFETY: the pointers are those of `getaddrinfo`, each null or that of an entry, and the entries live as long
        // as the list.
        let entry = |entry: *mut libc::addrinfo| unsafe { entry.as_ref() };
        iter::successors(entry(self.0), move |info| entry(info.ai_next))
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the pointer comes from `getaddrinfo`, and is freed here only.
        unsafe { libc::freeaddrinfo(self.0) };
    }
}

/// Copies an entry. `None` for an address of a family that is neither IPv4 nor IPv6.
fn addr_info(info: &libc::addrinfo) -> Option<AddrInfo> {
    let len = info.ai_addrlen as usize;
    if info.ai_addr.is_null() || len > mem::size_of::<libc::sockaddr_storage>() {
        return None;
    }
    // SAFETY: `getaddrinfo` has put `ai_addrlen` bytes of an address at `ai_addr`; the storage has place for them, and
    // is zero behind them.
    let address = unsafe {
        SockAddr::try_init(|storage, length| {
            ptr::copy_nonoverlapping(info.ai_addr.cast::<u8>(), storage.cast::<u8>(), len);
            *length = info.ai_addrlen;
            Ok(())
        })
    };
    let ((), address) = address.ok()?;
    Some(AddrInfo {
        family: info.ai_family,
        type_: info.ai_socktype,
        proto: info.ai_protocol,
        // SAFETY: the name is null or a text that lives as long as the entry.
        canonname: unsafe { text_at(info.ai_canonname) }.unwrap_or_default(),
        sockaddr: address.as_socket()?,
    })
}

pub(super) fn getnameinfo(address: &SockAddr, flags: i32) -> io::Result<(String, String)> {
    let mut host = [0; 1025];
    let mut service = [0; 32];
    set_errno(Errno(0));
    // SAFETY: the address has `len` bytes, and the buffers have the lengths that are told.
    let code = direct(|| unsafe {
        libc::getnameinfo(
            address.as_ptr().cast(),
            address.len(),
            host.as_mut_ptr(),
            host.len() as _,
            service.as_mut_ptr(),
            service.len() as _,
            flags,
        )
    });
    if code != 0 {
        return Err(gai_failure(code));
    }
    // SAFETY: `getnameinfo` has put a text into each buffer.
    let (host, service) = unsafe { (text_at(host.as_ptr()), text_at(service.as_ptr())) };
    Ok((host.unwrap_or_default(), service.unwrap_or_default()))
}

pub(super) fn gethostbyname(name: &CStr) -> io::Result<HostEntry> {
    host_entry(|call| {
        // SAFETY: the name lives until the call has returned, and `Call` has the places that are told.
        unsafe { by_name(name.as_ptr(), call) }
    })
}

pub(super) fn gethostbyaddr(address: IpAddr) -> io::Result<HostEntry> {
    let (octets, family) = match address {
        IpAddr::V4(address) => (address.octets().to_vec(), libc::AF_INET),
        IpAddr::V6(address) => (address.octets().to_vec(), libc::AF_INET6),
    };
    host_entry(|call| {
        // SAFETY: the address has the length that is told, and `Call` has the places that are told.
        unsafe { by_address(octets.as_ptr().cast(), octets.len() as _, family, call) }
    })
}

/// The places that a reentrant function fills.
struct Call<'a> {
    entry: libc::hostent,
    buffer: &'a mut [c_char],
    found: *mut libc::hostent,
    h_errno: c_int,
}

/// The C library's functions, which the crate `libc` does not declare.
mod c {
    use super::{c_char, c_int};
    use libc::{hostent, size_t, socklen_t};

    unsafe extern "C" {
        pub(super) fn gethostbyname_r(
            name: *const c_char,
            entry: *mut hostent,
            buffer: *mut c_char,
            len: size_t,
            found: *mut *mut hostent,
            h_errno: *mut c_int,
        ) -> c_int;

        pub(super) fn gethostbyaddr_r(
            address: *const libc::c_void,
            address_len: socklen_t,
            family: c_int,
            entry: *mut hostent,
            buffer: *mut c_char,
            len: size_t,
            found: *mut *mut hostent,
            h_errno: *mut c_int,
        ) -> c_int;
    }
}

/// # Safety
/// `name` is a text.
unsafe fn by_name(name: *const c_char, call: &mut Call<'_>) -> c_int {
    // SAFETY: the caller promises the text; the buffer has its length.
    direct(|| unsafe {
        c::gethostbyname_r(
            name,
            &mut call.entry,
            call.buffer.as_mut_ptr(),
            call.buffer.len(),
            &mut call.found,
            &mut call.h_errno,
        )
    })
}

/// # Safety
/// `address` has `len` bytes.
unsafe fn by_address(address: *const libc::c_void, len: libc::socklen_t, family: c_int, call: &mut Call<'_>) -> c_int {
    // SAFETY: the caller promises the address; the buffer has its length.
    direct(|| unsafe {
        c::gethostbyaddr_r(
            address,
            len,
            family,
            &mut call.entry,
            call.buffer.as_mut_ptr(),
            call.buffer.len(),
            &mut call.found,
            &mut call.h_errno,
        )
    })
}

/// Makes a call, again with a larger buffer if it was too small, and copies what it has found.
fn host_entry(function: impl Fn(&mut Call<'_>) -> c_int) -> io::Result<HostEntry> {
    let mut buffer = vec![0; 4096];
    loop {
        let mut call = Call {
            // SAFETY: all fields of `hostent` are numbers and pointers, for which zero is a value.
            entry: unsafe { mem::zeroed() },
            buffer: &mut buffer,
            found: ptr::null_mut(),
            h_errno: 0,
        };
        set_errno(Errno(0));
        let code = function(&mut call);
        let errno = errno().0;
        // SAFETY: the pointer is null or points to the entry, whose texts and addresses are in the buffer.
        if let Some(found) = unsafe { call.found.as_ref() } {
            // SAFETY: as above.
            return Ok(unsafe { copy(found) });
        }
        let h_errno = call.h_errno;
        if code == libc::ERANGE && buffer.len() < 1 << 20 {
            let len = buffer.len() * 4;
            buffer.resize(len, 0);
            continue;
        }
        return Err(match h_errno {
            ..=0 => failure(errno).unwrap_or_else(|| io::Error::from_raw_os_error(code)),
            h_errno => failure(errno).unwrap_or_else(|| HError::new(h_errno).into()),
        });
    }
}

/// # Safety
/// The entry comes from the C library, and its buffer is unchanged.
unsafe fn copy(entry: &libc::hostent) -> HostEntry {
    // SAFETY: both are arrays of pointers that end with a null, the first of texts, the second of addresses of
    // `h_length` bytes.
    let (aliases, addresses) = unsafe { (pointers(entry.h_aliases), pointers(entry.h_addr_list)) };
    let address = |address: *mut c_char| {
        // SAFETY: as above.
        let octets = unsafe { slice::from_raw_parts(address.cast::<u8>(), entry.h_length as usize) };
        match octets.len() {
            4 => Some(IpAddr::from(<[u8; 4]>::try_from(octets).ok()?)),
            _ => Some(IpAddr::from(<[u8; 16]>::try_from(octets).ok()?)),
        }
    };
    HostEntry {
        // SAFETY: the name is a text.
        hostname: unsafe { text_at(entry.h_name) }.unwrap_or_default(),
        // SAFETY: so is each alias.
        aliaslist: aliases.filter_map(|alias| unsafe { text_at(alias) }).collect(),
        ipaddrlist: addresses.filter_map(address).collect(),
    }
}

/// The pointers of an array that ends with a null.
///
/// # Safety
/// The pointer is null, or points to such an array, which lives as long as the iterator.
unsafe fn pointers(mut array: *mut *mut c_char) -> impl Iterator<Item = *mut c_char> {
    iter::from_fn(move || {
        // SAFETY: the caller promises it; the end is not passed, as a null is not stepped over.
        let pointer = *unsafe { array.as_ref() }?;
        if pointer.is_null() {
            return None;
        }
        // SAFETY: behind an element that is not null there is another one.
        array = unsafe { array.add(1) };
        Some(pointer)
    })
}

/// Copies a text; `None` for a null.
///
/// # Safety
/// The pointer is null, or points to a text that ends with a NUL.
unsafe fn text_at(text: *const c_char) -> Option<String> {
    // SAFETY: the caller promises it.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

pub(super) fn gai_strerror(code: c_int) -> String {
    // SAFETY: the function returns a constant text for every number.
    unsafe { text_at(libc::gai_strerror(code)) }.unwrap_or_default()
}

/// The error for a code of `getaddrinfo` or `getnameinfo`, right after the call.
#[cold]
fn gai_failure(code: c_int) -> io::Error {
    let errno = errno().0;
    match code {
        libc::EAI_SYSTEM => io::Error::from_raw_os_error(errno),
        // These do not depend on descriptors.
        libc::EAI_BADFLAGS | libc::EAI_FAMILY | libc::EAI_SOCKTYPE | libc::EAI_MEMORY => GaiError::new(code).into(),
        _ => failure(errno).unwrap_or_else(|| GaiError::new(code).into()),
    }
}

/// Whether a look-up has failed because no descriptors are left: mostly `errno` says so. Where it does not, because the
/// C library has remembered an earlier failure or has overwritten the number, a descriptor is asked for.
fn failure(errno: c_int) -> Option<io::Error> {
    let none_left = |error: &io::Error| matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
    let told = Some(io::Error::from_raw_os_error(errno)).filter(none_left);
    told.or_else(|| Socket::new(Domain::IPV4, Type::DGRAM, None).err().filter(none_left))
}

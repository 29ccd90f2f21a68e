//! Words in the thread-locals of the thread that runs.
//!
//! Such a word is a waiter that belongs to a thread, as parking_lot's, whose queues are linked by its address. Two
//! greenlets of one thread that are in it at the same time break them. So plain greenlets do not park there.

use std::ffi::c_void;

use libc::{c_int, dl_phdr_info};

/// Whether the address is in one of the calling thread's thread-locals, of the program or of any library.
pub(super) fn is_local(address: usize) -> bool {
    unsafe extern "C" fn look(info: *mut dl_phdr_info, _: usize, address: *mut c_void) -> c_int {
        // SAFETY: the dynamic linker passes a complete `info`.
        let info = unsafe { &*info };
        let start = info.dlpi_tls_data.addr();
        if start == 0 {
            // It has none, or this thread has not used them yet.
            return 0;
        }
        // SAFETY: the library has so many headers.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let locals = headers.iter().find(|header| header.p_type == libc::PT_TLS);
        let len = locals.map_or(0, |locals| locals.p_memsz as usize);
        (start..start + len).contains(&address.addr()).into()
    }
    // SAFETY: `look` takes any address, and the dynamic linker calls it while this call lasts.
    unsafe { libc::dl_iterate_phdr(Some(look), std::ptr::without_provenance_mut(address)) != 0 }
}

//! The C library's own functions: the next definitions of what this crate interposes.

use std::ffi::CStr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::c_void;

/// A function of the C library's. It is looked for when the program is loaded, or when it is called first, if that is
/// earlier.
///
/// Not later: handlers of signals and children of forks call such functions, and could not wait for the dynamic linker,
/// which they may have interrupted, or which a thread holds that is not there any more.
pub(crate) struct Original {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
}

impl Original {
    pub(crate) const fn new(name: &'static CStr) -> Original {
        Original {
            name,
            address: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Looks for it, and leaves it be if it is not there: not all are in each C library.
    pub(crate) fn prepare(&self) {
        // SAFETY: the name ends with a zero.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        self.address.store(found, Ordering::Relaxed);
    }

    /// Where it is.
    #[inline(always)]
    pub(crate) fn address(&self) -> *mut c_void {
        let known = self.address.load(Ordering::Relaxed);
        if known.is_null() { self.find() } else { known }
    }

    #[cold]
    #[inline(never)]
    fn find(&self) -> *mut c_void {
        // SAFETY: the name ends with a zero.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        if found.is_null() {
            // The program was linked with this function, so that this is a C library that has lost it.
            eprintln!("gevent-monkey: the C library has no {:?}", self.name);
            std::process::abort();
        }
        self.address.store(found, Ordering::Relaxed);
        found
    }
}

/// Declares functions of the C library's, by their prototypes. Each gets a function that calls it, with its contract.
macro_rules! originals {
    ($($name:ident($($argument:ident: $kind:ty),* $(,)?) -> $result:ty;)*) => {
        $(
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            pub(crate) unsafe fn $name($($argument: $kind),*) -> $result {
                static ORIGINAL: $crate::originals::Original = $crate::originals::Original::new(
                    match ::std::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                        Ok(name) => name,
                        Err(_) => unreachable!(),
                    },
                );
                #[used]
                #[unsafe(link_section = ".init_array")]
                static PREPARE: extern "C" fn() = {
                    extern "C" fn prepare() {
                        ORIGINAL.prepare();
                    }
                    prepare
                };
                // SAFETY: the C library's function of this name has this prototype.
                let original = unsafe {
                    ::std::mem::transmute::<*mut ::libc::c_void, unsafe extern "C" fn($($kind),*) -> $result>(
                        ORIGINAL.address(),
                    )
                };
                // SAFETY: by this function's contract, which is the original's.
                unsafe { original($($argument),*) }
            }
        )*
    };
}

pub(crate) use originals;

//! Noticing in time that the thread-locals of a thread are about to be destroyed.
//!
//! Thread-locals are destroyed one after the other, the last one used first. One of their destructors may wait,
//! like any other code, but the greenlets that would run meanwhile may have borrowed from thread-locals that are
//! gone. So whenever a greenlet parks, a *sentinel* lies above all thread-locals that were used so far: an entry
//! in the C library's list of destructors that [ends](crate::thread_end) the thread.
//!
//! ```text
//!   destroyed first                                            destroyed last
//!   used since the last park ── sentinel ── K ── sentinel ── OLD ── our own
//!   (no parked greenlet                     │
//!    has seen them)                         └ borrowed by a greenlet that is parked
//! ```
//!
//! A new sentinel is needed only if the list has changed, which its head shows: a word among the C library's own
//! thread-locals. The word has no name, so it is found by watching what a new entry changes. Where that does not
//! succeed (another C library), the end is noticed only when our own thread-local is destroyed.

use std::cell::Cell;

use crate::thread::Thread;

/// The sentinels of one thread.
pub(crate) struct Sentinels {
    /// The head of the list of destructors.
    head: *const usize,
    /// The value of the head after the latest sentinel was added.
    known: Cell<usize>,
}

/// Stands for the head where it was not found.
static NO_HEAD: usize = 0;

impl Sentinels {
    /// None yet.
    pub(crate) fn new() -> Sentinels {
        Sentinels {
            head: sys::head().unwrap_or(&raw const NO_HEAD),
            known: Cell::new(0),
        }
    }

    /// Whether a sentinel lies above everything.
    #[inline(always)]
    pub(crate) fn up_to_date(&self) -> bool {
        // SAFETY: `head` points to `NO_HEAD`, or to a word of the C library's in this thread's block of
        // thread-locals, which stays until the thread is gone. Only this thread has these sentinels, and only
        // the C library writes there.
        unsafe { self.head.read_volatile() == self.known.get() }
    }

    /// Puts a sentinel above everything that is new.
    #[inline]
    pub(crate) fn update(&self) {
        if !self.up_to_date() {
            self.add();
        }
    }

    #[cold]
    fn add(&self) {
        sys::add(destroyed);
        // SAFETY: as in `up_to_date`.
        self.known.set(unsafe { self.head.read_volatile() });
    }
}

/// The destructor of a sentinel.
unsafe extern "C" fn destroyed(_: *mut libc::c_void) {
    Thread::end_in_time();
}

#[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
mod sys {
    use std::ffi::{c_int, c_void};
    use std::ptr;
    use std::sync::OnceLock;

    type Destructor = unsafe extern "C" fn(*mut c_void);
    /// `__cxa_thread_atexit_impl`: the destructor, its argument, and the library that keeps it loaded.
    type Add = unsafe extern "C" fn(Destructor, *mut c_void, *mut c_void) -> c_int;

    unsafe extern "C" {
        static __dso_handle: u8;
    }

    /// The function that adds to the list, and where in the C library's block of thread-locals its head is.
    struct Found {
        add: Add,
        offset: usize,
    }

    static FOUND: OnceLock<Option<Found>> = OnceLock::new();

    fn found() -> Option<&'static Found> {
        FOUND.get_or_init(find).as_ref()
    }

    /// Where the head of this thread's list is.
    pub(super) fn head() -> Option<*const usize> {
        let found = found()?;
        let block = Block::of(found.add)?;
        Some(ptr::with_exposed_provenance(block.start + found.offset))
    }

    pub(super) fn add(destructor: Destructor) {
        if let Some(found) = found() {
            call(found.add, destructor);
        }
    }

    fn call(add: Add, destructor: Destructor) {
        // SAFETY: the destructor takes any argument, and its library stays while it is on the list. When the C
        // library has no memory for an entry, it says so and ends the process.
        unsafe { add(destructor, ptr::null_mut(), (&raw const __dso_handle).cast_mut().cast()) };
    }

    /// Finds the head by watching which word each of two more entries changes.
    fn find() -> Option<Found> {
        // SAFETY: the name is a C string.
        let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__cxa_thread_atexit_impl".as_ptr()) };
        if symbol.is_null() {
            return None;
        }
        // SAFETY: this is the type of the function of that name.
        let add = unsafe { std::mem::transmute::<*mut c_void, Add>(symbol) };
        let block = Block::of(add)?;
        let before = block.words();
        call(add, nothing);
        let between = block.words();
        call(add, nothing);
        let after = block.words();
        let changed =
            |at: &usize| before[*at] != between[*at] && between[*at] != after[*at] && before[*at] != after[*at];
        let mut changed = (0..before.len()).filter(changed);
        let at = changed.next()?;
        // If more words have changed, there is no telling which is the head.
        changed.next().is_none().then_some(Found {
            add,
            offset: at * size_of::<usize>(),
        })
    }

    unsafe extern "C" fn nothing(_: *mut c_void) {}

    /// This thread's thread-locals of one library.
    struct Block {
        start: usize,
        len: usize,
    }

    impl Block {
        /// The block of the library that `function` is in.
        fn of(function: Add) -> Option<Block> {
            let mut search = Search {
                function: function as usize,
                block: None,
            };
            // SAFETY: `look` is called with `search` while this call lasts.
            unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut search).cast()) };
            search.block
        }

        fn words(&self) -> Vec<usize> {
            let first = ptr::with_exposed_provenance::<usize>(self.start);
            let count = self.len / size_of::<usize>();
            // SAFETY: the block has so many words, for as long as this thread lives.
            (0..count).map(|at| unsafe { first.add(at).read_volatile() }).collect()
        }
    }

    struct Search {
        function: usize,
        block: Option<Block>,
    }

    /// Looks at one library. Returns 0 to go on with the next one.
    unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _: usize, search: *mut c_void) -> c_int {
        // SAFETY: `of` passes its `Search`, and the dynamic linker a complete `info`.
        let (info, search) = unsafe { (&*info, &mut *search.cast::<Search>()) };
        // SAFETY: the library has so many headers.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let start = |header: &libc::Elf64_Phdr| (info.dlpi_addr + header.p_vaddr) as usize;
        let is_in = headers.iter().any(|header| {
            header.p_type == libc::PT_LOAD
                && (start(header)..start(header) + header.p_memsz as usize).contains(&search.function)
        });
        if !is_in {
            return 0;
        }
        let tls = headers.iter().find(|header| header.p_type == libc::PT_TLS);
        if let Some(tls) = tls.filter(|_| !info.dlpi_tls_data.is_null()) {
            search.block = Some(Block {
                start: info
                    .dlpi_tls_data
                    .expose_provenance()
                    .next_multiple_of(size_of::<usize>()),
                len: tls.p_memsz as usize,
            });
        }
        1
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu", not(miri))))]
mod sys {
    pub(super) fn head() -> Option<*const usize> {
        None
    }

    pub(super) fn add(_: unsafe extern "C" fn(*mut libc::c_void)) {}
}

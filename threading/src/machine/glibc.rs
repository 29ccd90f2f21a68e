//! What has to be known of glibc: functions that are not for everybody, and where things are in its data of a thread.
//!
//! glibc tells debuggers where things are, by tables with names that begin with `_thread_db`. What is not in there is
//! found by looking; every place is checked before it is used.

use std::ffi::{CStr, c_void};
use std::sync::OnceLock;

use super::processor::{self, LOCALS, thread_pointer};
use crate::unsupported::Unsupported;

/// The size of a first-level block of values by `pthread_key_t`, and of the table of such blocks.
pub(super) const KEYS_IN_BLOCK: usize = 32;
pub(super) const KEY_BLOCKS: usize = 32;

/// The size of the state of the resolver of names, and where in it is how many servers it knows: 32 bits, zero if it
/// was never used. This is a public type, `struct __res_state`.
pub(super) const RESOLVER: usize = 568;
pub(super) const RESOLVER_SERVERS: usize = 16;

/// Functions, and places in the C library's data of a thread: bytes from its beginning, which
/// [`data_of`](Glibc::data_of) tells.
#[derive(Debug)]
pub(super) struct Glibc {
    pub(super) allocate: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    pub(super) deallocate: unsafe extern "C" fn(*mut c_void, bool),
    pub(super) init_ctype: unsafe extern "C" fn(),
    pub(super) call_destructors: unsafe extern "C" fn(),
    pub(super) close_resolver: unsafe extern "C" fn(*mut c_void),
    pub(super) malloc: unsafe extern "C" fn(usize) -> *mut c_void,
    pub(super) free: unsafe extern "C" fn(*mut c_void),
    /// The destructors of the keys: a counter and a function for each.
    pub(super) keys: *const Key,
    /// The size of the data of a thread.
    pub(super) size: usize,
    /// Its number: 32 bits.
    pub(super) tid: usize,
    /// Its place in the list of threads: two words.
    pub(super) list: usize,
    /// The first block of values by key.
    pub(super) first_values: usize,
    /// The table of all such blocks.
    pub(super) value_table: usize,
    /// The head of the list of robust mutexes: the first of three words.
    pub(super) robust: usize,
    /// The state of the resolver of names.
    pub(super) resolver: usize,
    /// Where the pointer to that state is, among the C library's thread-locals: bytes from the thread pointer.
    pub(super) resolver_pointer: isize,
    /// What the kernel tells about the processor that runs the thread, where glibc knows of it: bytes from the thread
    /// pointer.
    pub(super) rseq: Option<isize>,
}

impl Glibc {
    /// Where the C library's data of the thread begins that has this thread pointer.
    #[inline(always)]
    pub(super) fn data_of(&self, pointer: usize) -> usize {
        processor::data_of(pointer, self.size)
    }
}

/// A key's destructor.
#[repr(C)]
pub(super) struct Key {
    /// Changes when the key is deleted or made anew.
    pub(super) sequence: usize,
    pub(super) destructor: Option<unsafe extern "C" fn(*mut c_void)>,
}

/// A thread's value for a key.
#[repr(C)]
pub(super) struct Value {
    pub(super) sequence: usize,
    pub(super) data: *mut c_void,
}

// SAFETY: the table of keys is static data of the C library, which all threads use.
unsafe impl Send for Glibc {}
// SAFETY: as above.
unsafe impl Sync for Glibc {}

/// What was found. The first call has to be made in a real thread that is not the process's first one.
pub(super) fn glibc() -> Result<&'static Glibc, Unsupported> {
    static FOUND: OnceLock<Result<Glibc, Unsupported>> = OnceLock::new();
    FOUND.get_or_init(find).as_ref().map_err(|error| *error)
}

fn symbol(name: &'static CStr) -> Option<*mut c_void> {
    // SAFETY: the name is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

fn needed(name: &'static CStr) -> Result<*mut c_void, Unsupported> {
    symbol(name).ok_or(Unsupported::Symbol(name.to_str().unwrap_or("symbol")))
}

/// Where the library begins that has this function.
fn library_of(function: *mut c_void) -> usize {
    let mut found = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: the call fills `found` in, or leaves it as it is: zeros, which are valid.
    unsafe {
        libc::dladdr(function, found.as_mut_ptr());
        found.assume_init().dli_fbase as usize
    }
}

/// A size or an offset that glibc tells debuggers.
fn told_size(name: &'static CStr) -> Result<usize, Unsupported> {
    let table = needed(name)?.cast::<u32>();
    // SAFETY: the symbols `_thread_db_sizeof_..` are numbers of 32 bits.
    Ok(unsafe { table.read() } as usize)
}

/// Where a field is: the third of the numbers of its table, which begins with the field's size in bits.
fn told_offset(name: &'static CStr, bits: u32) -> Result<usize, Unsupported> {
    let table = needed(name)?.cast::<[u32; 3]>();
    // SAFETY: the tables of fields have three numbers of 32 bits.
    let [size, _, offset] = unsafe { table.read() };
    if size != bits {
        return Err(Unsupported::Layout("the size of a field"));
    }
    Ok(offset as usize)
}

fn find() -> Result<Glibc, Unsupported> {
    processor::permits()?;
    // Sanitizers put their own functions before the C library's, to note what they know of threads and of memory. (Some
    // allocators do so with the first one of these alone.)
    let its = library_of(needed(c"__ctype_init")?);
    if library_of(needed(c"pthread_create")?) != its && library_of(needed(c"memcpy")?) != its {
        return Err(Unsupported::Tool("a sanitizer"));
    }
    let functions = [
        needed(c"_dl_allocate_tls")?,
        needed(c"_dl_deallocate_tls")?,
        needed(c"__ctype_init")?,
        needed(c"__call_tls_dtors")?,
        needed(c"__libc_malloc")?,
        needed(c"__libc_free")?,
        needed(c"__res_nclose")?,
    ];
    let size = told_size(c"_thread_db_sizeof_pthread")?;
    if !(1024..=16384).contains(&size) || !size.is_multiple_of(8) {
        return Err(Unsupported::Layout("the size of a thread"));
    }
    let key = (
        told_size(c"_thread_db_sizeof_pthread_key_struct")?,
        told_offset(c"_thread_db_pthread_key_struct_seq", 64)?,
    );
    let value = (
        told_size(c"_thread_db_sizeof_pthread_key_data")?,
        told_offset(c"_thread_db_pthread_key_data_seq", 64)?,
    );
    let of_key = told_offset(c"_thread_db_pthread_key_struct_destr", 64)?;
    let of_value = told_offset(c"_thread_db_pthread_key_data_data", 64)?;
    if (key, of_key, value, of_value) != ((16, 0), 8, (16, 0), 8) {
        return Err(Unsupported::Layout("values by key"));
    }
    let tid = told_offset(c"_thread_db_pthread_tid", 32)?;
    let list = told_offset(c"_thread_db_pthread_list", 128)?;
    // This is a table: the size is that of an element, or of all.
    let table = needed(c"_thread_db_pthread_specific")?.cast::<[u32; 3]>();
    // SAFETY: as in `told_offset`.
    let [_, _, value_table] = unsafe { table.read() };
    let value_table = value_table as usize;
    let fits = |offset: usize, len: usize| offset.is_multiple_of(4) && offset >= 64 && offset + len <= size;
    if !fits(tid, 4) || !fits(list, 16) || !fits(value_table, KEY_BLOCKS * 8) {
        return Err(Unsupported::Layout("a field is outside of the thread"));
    }
    let me = processor::data_of(thread_pointer(), size);
    // SAFETY: the call only asks.
    if me != unsafe { libc::pthread_self() } as usize {
        return Err(Unsupported::Layout("the place of a thread"));
    }
    // SAFETY: the fields are inside of the data of the calling thread, as was checked.
    let (own_tid, first) = unsafe {
        (
            ((me + tid) as *const i32).read_volatile(),
            ((me + value_table) as *const usize).read_volatile(),
        )
    };
    // SAFETY: the call only asks.
    if own_tid != unsafe { libc::gettid() } {
        return Err(Unsupported::Layout("the thread's number"));
    }
    let first_values = first.wrapping_sub(me);
    if !fits(first_values, KEYS_IN_BLOCK * 16) {
        return Err(Unsupported::Layout("the first values by key"));
    }
    let (resolver, resolver_pointer) = resolver(me)?;
    if !fits(resolver, RESOLVER) || !LOCALS.contains(&resolver_pointer) {
        return Err(Unsupported::Layout("the resolver of names"));
    }
    Ok(Glibc {
        // SAFETY: these are the types of the functions of these names.
        allocate: unsafe {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void) -> *mut c_void>(functions[0])
        },
        // SAFETY: as above.
        deallocate: unsafe {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void, bool)>(functions[1])
        },
        // SAFETY: as above.
        init_ctype: unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn()>(functions[2]) },
        // SAFETY: as above.
        call_destructors: unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn()>(functions[3]) },
        // SAFETY: as above.
        malloc: unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(usize) -> *mut c_void>(functions[4]) },
        // SAFETY: as above.
        free: unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(functions[5]) },
        // SAFETY: as above.
        close_resolver: unsafe {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(functions[6])
        },
        keys: needed(c"__pthread_keys")?.cast(),
        size,
        tid,
        list,
        first_values,
        value_table,
        robust: robust_list(me, size)
            .filter(|robust| fits(*robust - 8, 32))
            .ok_or(Unsupported::Layout("robust mutexes"))?,
        resolver,
        resolver_pointer,
        rseq: rseq()?,
    })
}

/// Where the head of the list of robust mutexes is. The kernel knows the calling thread's, but emulators of Linux do
/// not. The list is empty, so that the words for the last mutex and for the first one have the head's address; how far
/// a mutex's lock is from its place in the list, and no mutex that is just being locked, follow.
fn robust_list(me: usize, size: usize) -> Option<usize> {
    const TO_THE_LOCK: usize = 32_usize.wrapping_neg();
    // SAFETY: the words are asked for inside of the data of the calling thread.
    let word = |offset: usize| unsafe { ((me + offset) as *const usize).read_volatile() };
    let is_head = |head: &usize| {
        [word(head - 8), word(*head), word(head + 8), word(head + 16)] == [me + head, me + head, TO_THE_LOCK, 0]
    };
    let mut found = (8..size - 16).step_by(8).filter(is_head);
    let (head, others) = (found.next()?, found.count());
    let (mut told, mut len) = (0usize, 0usize);
    // SAFETY: the call writes two words.
    let got = unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut told, &raw mut len) };
    let is_unknown = got != 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS);
    (others == 0 && (is_unknown || (told, len) == (me + head, 24))).then_some(head)
}

/// Where the state of the resolver of names is, and how far from the thread pointer the pointer to it is.
fn resolver(me: usize) -> Result<(usize, isize), Unsupported> {
    // This is a thread-local: what is found is the calling thread's.
    let pointer = needed(c"__resp")?.cast::<usize>();
    // SAFETY: the C library has set the pointer when the thread began.
    let state = unsafe { pointer.read() };
    let from_pointer = pointer.addr().wrapping_sub(thread_pointer());
    Ok((state.wrapping_sub(me), from_pointer.cast_signed()))
}

/// Where the kernel's word about the processor is, if glibc has a place for it. That place is there also if the kernel
/// has refused, or was not asked; then a number in it says so, which must be in each thread: a thread that is made by
/// another one in which it is missing ends the process.
fn rseq() -> Result<Option<isize>, Unsupported> {
    let (Some(offset), Some(size)) = (symbol(c"__rseq_offset"), symbol(c"__rseq_size")) else {
        return Ok(None);
    };
    // SAFETY: these are a word and a number of 32 bits, constant once the program runs.
    let (offset, size) = unsafe { (offset.cast::<isize>().read(), size.cast::<u32>().read()) };
    let wrong = Unsupported::Layout("the kernel's word about the processor");
    if offset == 0 || offset % 8 != 0 || offset.unsigned_abs() > 1 << 20 {
        return Err(wrong);
    }
    // SAFETY: the C library has this place in each thread.
    let number = unsafe { (thread_pointer().wrapping_add_signed(offset) as *const i32).add(1).read_volatile() };
    match (size, number) {
        (0, 0..) => Err(wrong),
        _ => Ok(Some(offset)),
    }
}

/// Where the C library's own thread-locals are, of the calling thread.
pub(super) struct LibcLocals {
    pub(super) start: usize,
    pub(super) words: usize,
}

/// Finds them: those of the library that has `function`, if it has any.
pub(super) fn libc_locals(function: usize) -> Option<LibcLocals> {
    struct Search {
        function: usize,
        found: Option<LibcLocals>,
    }
    unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _: usize, search: *mut c_void) -> libc::c_int {
        // SAFETY: the dynamic linker passes a complete `info`, and below `Search` is passed.
        let (info, search) = unsafe { (&*info, &mut *search.cast::<Search>()) };
        // SAFETY: the library has so many headers.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let has = headers.iter().any(|header| {
            let start = (info.dlpi_addr + header.p_vaddr) as usize;
            header.p_type == libc::PT_LOAD && (start..start + header.p_memsz as usize).contains(&search.function)
        });
        let locals = headers.iter().find(|header| header.p_type == libc::PT_TLS);
        if let Some(locals) = locals.filter(|_| has && !info.dlpi_tls_data.is_null()) {
            search.found = Some(LibcLocals {
                start: (info.dlpi_tls_data as usize).next_multiple_of(8),
                words: locals.p_memsz as usize / 8,
            });
        }
        has.into()
    }
    let mut search = Search { function, found: None };
    // SAFETY: `look` is called with `search` while this call lasts.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut search).cast()) };
    search.found
}

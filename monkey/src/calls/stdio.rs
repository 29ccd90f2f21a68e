//! The C library's streams: its own reads cannot be interposed, so whoever reads from a stream waits before.
//!
//! Each function is taken apart into pieces that do not read from the descriptor, or do it once. The lock of the stream
//! is held for a piece, never over a wait; whoever holds it by flockfile(3) does not park. So two virtual threads that
//! read from one stream at a time may each get parts of a line.
//!
//! The functions without a lock (`getc_unlocked`), of wide characters and of formats (`scanf`) block, as do writes.

use std::os::fd::RawFd;
use std::ptr::{null_mut, read_volatile};

use libc::{FILE, c_char, c_int, c_void, size_t, ssize_t};

use super::blocking::{Call, ready};
use crate::originals::originals;
use crate::patches::Module;
use crate::place::{Place, place};
use crate::wait::{Failed, errno, returned, set_errno};

mod original {
    use super::*;

    originals! {
        fread(to: *mut c_void, size: size_t, count: size_t, stream: *mut FILE) -> size_t;
        __fread_chk(to: *mut c_void, room: size_t, size: size_t, count: size_t, stream: *mut FILE) -> size_t;
        fgets(to: *mut c_char, size: c_int, stream: *mut FILE) -> *mut c_char;
        __fgets_chk(to: *mut c_char, room: size_t, size: c_int, stream: *mut FILE) -> *mut c_char;
        getdelim(line: *mut *mut c_char, size: *mut size_t, delimiter: c_int, stream: *mut FILE) -> ssize_t;
        getc(stream: *mut FILE) -> c_int;
    }
}

unsafe extern "C" {
    static stdin: *mut FILE;
    static stdout: *mut FILE;
    fn flockfile(stream: *mut FILE);
    fn funlockfile(stream: *mut FILE);
}

/// A stream, as the C library's headers show it to compilers: `struct _IO_FILE`.
#[repr(C)]
struct Fields {
    flags: c_int,
    read: *mut c_char,
    read_end: *mut c_char,
    /// The begin of what is read, and those of what is written.
    _others: [*mut c_char; 4],
    /// Null if there is no buffer yet.
    buffer: *mut c_char,
    _buffer_end: *mut c_char,
    saved: *mut c_char,
    _backup: *mut c_char,
    saved_end: *mut c_char,
    _markers: [*mut c_void; 2],
    _fileno: c_int,
    _flags2: c_int,
    _old_offset: i64,
    _small: [u8; 8],
    lock: *const Lock,
}

/// The lock of a stream, in all versions of the C library.
#[repr(C)]
struct Lock {
    _word: c_int,
    count: c_int,
    owner: usize,
}

const END_SEEN: c_int = 0x10;
const ERROR_SEEN: c_int = 0x20;
/// Characters that were put back are read, and others are behind them.
const IN_BACKUP: c_int = 0x100;
const HAS_NO_BUFFER: c_int = 0x2;
const HAS_LINES: c_int = 0x200;
const IS_READ_ONLY: c_int = 0x8;
/// It is one of those that `fflush(NULL)` is for.
const IS_LISTED: c_int = 0x80;

/// The flags of a stream.
///
/// # Safety
/// It is alive.
unsafe fn flags(stream: *mut FILE) -> c_int {
    // SAFETY: by this function's contract.
    unsafe { read_volatile(&raw const (*stream.cast::<Fields>()).flags) }
}

/// A stream that somebody reads from who may park.
struct Reading {
    place: Place,
    stream: *mut FILE,
}

impl Reading {
    /// None if the caller is to block.
    ///
    /// # Safety
    /// It is a stream, or null.
    #[inline(always)]
    unsafe fn new(stream: *mut FILE) -> Option<Reading> {
        // SAFETY: the C library has set the variable before `main`.
        let module = match stream == unsafe { stdin } {
            true => Module::Sys,
            false => Module::Socket,
        };
        let reading = Reading {
            place: place(module)?,
            stream,
        };
        (!stream.is_null() && !reading.is_locked()).then_some(reading)
    }

    fn fields(&self) -> *mut Fields {
        self.stream.cast()
    }

    /// Whether the caller holds the lock.
    fn is_locked(&self) -> bool {
        // SAFETY: the stream is alive, and so is its lock, if it has one. What others write is the numbers of other
        // threads.
        unsafe {
            let lock = (*self.fields()).lock;
            !lock.is_null()
                && read_volatile(&raw const (*lock).count) > 0
                && read_volatile(&raw const (*lock).owner) == libc::pthread_self() as usize
        }
    }

    fn flags(&self) -> c_int {
        // SAFETY: the stream is alive.
        unsafe { flags(self.stream) }
    }

    /// How many bytes a read takes without asking the kernel.
    fn buffered(&self) -> usize {
        let fields = self.fields();
        // SAFETY: the stream is alive. If others read from it meanwhile, this is a guess.
        let between = |from: *const *mut c_char, to: *const *mut c_char| unsafe {
            read_volatile(to).addr().saturating_sub(read_volatile(from).addr())
        };
        // SAFETY: only addresses are taken.
        let (now, behind) = unsafe {
            (
                between(&raw const (*fields).read, &raw const (*fields).read_end),
                between(&raw const (*fields).saved, &raw const (*fields).saved_end),
            )
        };
        match now {
            0 if self.flags() & IN_BACKUP != 0 => behind,
            now => now,
        }
    }

    /// Negative if it has none, which is no error.
    fn fd(&self) -> RawFd {
        let errno = errno();
        // SAFETY: the stream is alive.
        let fd = unsafe { libc::fileno(self.stream) };
        set_errno(errno);
        fd
    }

    /// Writes out what of a line is in stdout, a question for instance, as the C library does before it reads from a
    /// terminal, or from what else has lines or no buffer.
    fn write_prompt(&self) {
        let errno = errno();
        // SAFETY: the streams are alive. The C library has set the variable before `main`.
        unsafe {
            // A terminal has lines as soon as it has a buffer.
            let is_new = read_volatile(&raw const (*self.fields()).buffer).is_null();
            let asks = self.flags() & (HAS_NO_BUFFER | HAS_LINES) != 0 || (is_new && libc::isatty(self.fd()) == 1);
            let output = read_volatile(&raw const stdout);
            let lines = IS_LISTED | HAS_LINES;
            if asks && !output.is_null() && flags(output) & (lines | IS_READ_ONLY) == lines {
                libc::fflush(output);
            }
        }
        set_errno(errno);
    }

    /// Whether its reads wait for nobody, as it is a file, or of memory, or must not wait.
    fn never_waits(&self) -> bool {
        let fd = self.fd();
        // SAFETY: both calls take any descriptor; a `stat` is plain data, which is written.
        unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            fd < 0
                || libc::fcntl(fd, libc::F_GETFL) & libc::O_NONBLOCK != 0
                || libc::fstat(fd, &raw mut stat) != 0
                || matches!(
                    stat.st_mode & libc::S_IFMT,
                    libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK
                )
        }
    }

    /// Parks the caller until a read of a byte does not wait. Fails with -1 and an `errno`; None if it must block.
    fn ready(&self) -> Option<c_int> {
        if self.buffered() > 0 || self.flags() & END_SEEN != 0 || self.never_waits() {
            return Some(0);
        }
        let fd = self.fd();
        self.write_prompt();
        let mut call = Call::reading(self.place, fd);
        while ready(fd, libc::POLLIN) == 0 {
            let waited = call.wait();
            if let Err(Failed::Errno(_)) = waited {
                // SAFETY: the stream is alive, and locked meanwhile.
                unsafe {
                    flockfile(self.stream);
                    (*self.fields()).flags |= ERROR_SEEN;
                    funlockfile(self.stream);
                }
            }
            if waited.is_err() {
                return returned(waited.map(|()| 0));
            }
        }
        Some(0)
    }

    /// The next byte. None at the end, and after an error.
    fn byte(&self) -> Option<u8> {
        if self.ready() == Some(-1) {
            return None;
        }
        // SAFETY: the stream is alive.
        u8::try_from(unsafe { original::getc(self.stream) }).ok()
    }

    fn is_failed(&self) -> bool {
        self.flags() & ERROR_SEEN != 0
    }
}

/// fread(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn fread(to: *mut c_void, size: size_t, count: size_t, stream: *mut FILE) -> size_t {
    // SAFETY: by the prototype's contract.
    if let Some(reading) = unsafe { Reading::new(stream) }
        && let Some(all) = size.checked_mul(count)
        && all > reading.buffered()
        && !reading.never_waits()
    {
        let mut done = 0;
        while done < all {
            let piece = reading.buffered().clamp(1, all - done);
            if reading.ready() == Some(-1) {
                break;
            }
            // SAFETY: by the prototype's contract, there is place for all.
            let read = unsafe { original::fread(to.byte_add(done), 1, piece, stream) };
            done += read;
            if read < piece {
                break;
            }
        }
        return done / size;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::fread(to, size, count, stream) }
}

/// fread(3), by callers that know the size of their place.
#[unsafe(no_mangle)]
unsafe extern "C" fn __fread_chk(
    to: *mut c_void,
    room: size_t,
    size: size_t,
    count: size_t,
    stream: *mut FILE,
) -> size_t {
    // SAFETY: by the prototype's contract. The C library ends the process if the place is too small.
    unsafe {
        match size.checked_mul(count).is_some_and(|all| all <= room) {
            true => fread(to, size, count, stream),
            false => original::__fread_chk(to, room, size, count, stream),
        }
    }
}

/// fgets(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn fgets(to: *mut c_char, size: c_int, stream: *mut FILE) -> *mut c_char {
    if size > 1
        // SAFETY: by the prototype's contract.
        && let Some(reading) = unsafe { Reading::new(stream) }
    {
        let before = reading.is_failed();
        let mut count = 0;
        while count < size as usize - 1 {
            let Some(byte) = reading.byte() else {
                if count == 0 || (!before && reading.is_failed() && errno() != libc::EAGAIN) {
                    return null_mut();
                }
                break;
            };
            // SAFETY: by the prototype's contract, there is place for so many.
            unsafe { to.add(count).write(byte as c_char) };
            count += 1;
            if byte == b'\n' {
                break;
            }
        }
        // SAFETY: as above.
        unsafe { to.add(count).write(0) };
        return to;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::fgets(to, size, stream) }
}

/// fgets(3), by callers that know the size of their place.
#[unsafe(no_mangle)]
unsafe extern "C" fn __fgets_chk(to: *mut c_char, room: size_t, size: c_int, stream: *mut FILE) -> *mut c_char {
    // SAFETY: by the prototype's contract. The C library ends the process if the place is too small.
    unsafe {
        match usize::try_from(size).is_ok_and(|size| size <= room) {
            true => fgets(to, size, stream),
            false => original::__fgets_chk(to, room, size, stream),
        }
    }
}

/// getdelim(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn getdelim(
    line: *mut *mut c_char,
    size: *mut size_t,
    delimiter: c_int,
    stream: *mut FILE,
) -> ssize_t {
    if !line.is_null()
        && !size.is_null()
        // SAFETY: by the prototype's contract.
        && let Some(reading) = unsafe { Reading::new(stream) }
    {
        // SAFETY: by the prototype's contract.
        return unsafe { delimited(&reading, line, size, delimiter) };
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::getdelim(line, size, delimiter, stream) }
}

/// # Safety
/// As for getdelim(3); no pointer is null.
unsafe fn delimited(reading: &Reading, line: *mut *mut c_char, size: *mut size_t, delimiter: c_int) -> ssize_t {
    const FIRST: usize = 120;
    let mut count = 0;
    loop {
        let byte = reading.byte();
        if byte.is_none() && count == 0 {
            return -1;
        }
        // SAFETY: by this function's contract, the line is null, or of the allocator and so long.
        unsafe {
            let room = if (*line).is_null() { 0 } else { *size };
            // The byte has a zero behind it.
            if count + 2 > room {
                let more = FIRST.max(room.saturating_mul(2));
                let larger = libc::realloc((*line).cast(), more);
                if larger.is_null() {
                    set_errno(libc::ENOMEM);
                    return -1;
                }
                (*line, *size) = (larger.cast(), more);
            }
            if let Some(byte) = byte {
                (*line).add(count).write(byte as c_char);
                count += 1;
            }
            (*line).add(count).write(0);
        }
        if byte.is_none_or(|byte| c_int::from(byte) == delimiter) {
            return ssize_t::try_from(count).unwrap_or(ssize_t::MAX);
        }
    }
}

/// getdelim(3), by its other name.
#[unsafe(no_mangle)]
unsafe extern "C" fn __getdelim(
    line: *mut *mut c_char,
    size: *mut size_t,
    delimiter: c_int,
    stream: *mut FILE,
) -> ssize_t {
    // SAFETY: by the prototype's contract.
    unsafe { getdelim(line, size, delimiter, stream) }
}

/// getline(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn getline(line: *mut *mut c_char, size: *mut size_t, stream: *mut FILE) -> ssize_t {
    // SAFETY: by the prototype's contract.
    unsafe { getdelim(line, size, c_int::from(b'\n'), stream) }
}

/// getc(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn getc(stream: *mut FILE) -> c_int {
    // SAFETY: by the prototype's contract.
    if let Some(reading) = unsafe { Reading::new(stream) }
        && reading.ready() == Some(-1)
    {
        return libc::EOF;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::getc(stream) }
}

/// fgetc(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn fgetc(stream: *mut FILE) -> c_int {
    // SAFETY: by the prototype's contract.
    unsafe { getc(stream) }
}

/// getc(3), as older headers of the C library call it.
#[unsafe(no_mangle)]
unsafe extern "C" fn _IO_getc(stream: *mut FILE) -> c_int {
    // SAFETY: by the prototype's contract.
    unsafe { getc(stream) }
}

/// getchar(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn getchar() -> c_int {
    // SAFETY: the C library has set the variable before `main`.
    unsafe { getc(stdin) }
}

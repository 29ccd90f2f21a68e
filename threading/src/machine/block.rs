//! [`Block`]: the thread-locals of a virtual thread, and what the C library keeps of a thread.
//!
//! The C library makes the block, as for a real thread, and initialises the thread-locals. Its own data are those of
//! the carrier, but for what belongs to one thread only. Where both are in a block depends on the processor, whose file
//! (`x86_64.rs`, `aarch64.rs`) has a drawing.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::crossing::{self, Pointers};
use super::glibc::{Glibc, KEY_BLOCKS, KEYS_IN_BLOCK, Key, RESOLVER, RESOLVER_SERVERS, Value, glibc};
use super::malloc_words::malloc_words;
use super::pool;
use super::processor::{self, thread_pointer};

/// The numbers of virtual threads begin above those of real ones, which have at most 22 bits, and a futex takes 30.
const FIRST_NUMBER: u32 = 1 << 23;
/// How often values are looked for that destructors have set anew: `PTHREAD_DESTRUCTOR_ITERATIONS`.
const DESTRUCTOR_ROUNDS: usize = 4;
const NUMBERS: u32 = (1 << 29) - FIRST_NUMBER;

/// A block. What runs in it runs in the thread that has made it.
pub(crate) struct Block {
    glibc: &'static Glibc,
    /// Its thread pointer.
    own: usize,
    /// Neither to be sent nor shared.
    _here: std::marker::PhantomData<*const ()>,
}

impl Block {
    /// Makes a block, in a real thread. None if there is no memory for it, or if virtual threads are not supported.
    pub(crate) fn new() -> Option<Block> {
        Block::of_words(malloc_words().ok()?)
    }

    /// Makes a block that shares these words with its carrier: bytes from the thread pointer.
    pub(super) fn of_words(shared: &[isize]) -> Option<Block> {
        let glibc = glibc().ok()?;
        prepare_carrier();
        let carrier = thread_pointer();
        let own = pool::take(glibc)?;
        // The C library's data of both.
        let (data, carriers) = (glibc.data_of(own), glibc.data_of(carrier));
        let word = |offset: usize| (data + offset) as *mut usize;
        let local = |pointer: usize, offset: isize| pointer.wrapping_add_signed(offset) as *mut usize;
        let keys = [
            (glibc.first_values, KEYS_IN_BLOCK * size_of::<Value>()),
            (glibc.value_table, KEY_BLOCKS * size_of::<usize>()),
        ];
        // SAFETY: all offsets are inside of the data that the C library has of a thread, as `glibc::find` has checked;
        // the block has as many as the carrier, and nobody else uses it yet. Other threads may change the carrier's
        // list and flags, so these are read as volatile words; they are set below, or of no use to anybody.
        unsafe {
            let vector = (own + processor::VECTOR) as *mut usize;
            let its_vector = vector.read();
            let mut offset = 0;
            while offset < glibc.size {
                // No value for any key.
                if let Some((start, len)) = keys.iter().find(|(start, _)| *start == offset) {
                    ptr::write_bytes(word(*start).cast::<u8>(), 0, *len);
                    offset += len;
                    continue;
                }
                let end = keys.iter().map(|(start, _)| *start).filter(|start| *start > offset).min();
                for offset in (offset..end.unwrap_or(glibc.size)).step_by(8) {
                    let value = ((carriers + offset) as *const usize).read_volatile();
                    // What refers to the thread itself, as the heads of empty lists do, refers to the new one.
                    let inside = value.wrapping_sub(carriers) < glibc.size;
                    word(offset).write(if inside { value - carriers + data } else { value });
                }
                offset = end.unwrap_or(glibc.size);
            }
            processor::write_header(own, carrier);
            vector.write(its_vector);
            word(glibc.tid).cast::<u32>().write(number());
            // In no list.
            for offset in [glibc.list, glibc.list + 8] {
                word(offset).write(data + glibc.list);
            }
            word(glibc.value_table).write(data + glibc.first_values);
            // No robust mutex: the last one, the first one, and the one that is just being locked.
            word(glibc.robust - 8).write(data + glibc.robust);
            word(glibc.robust).write(data + glibc.robust);
            word(glibc.robust + 16).write(0);
            if let Some(rseq) = glibc.rseq {
                // The processor is not known: the kernel tells only the carrier.
                let rseq = local(own, rseq).cast::<i32>();
                rseq.write(0);
                rseq.add(1).write(-1);
            }
            // A resolver of names that was never used.
            ptr::write_bytes(word(glibc.resolver).cast::<u8>(), 0, RESOLVER);
            local(own, glibc.resolver_pointer).write(data + glibc.resolver);
            for place in shared {
                local(own, *place).write(local(carrier, *place).read_volatile());
            }
        }
        let block = Block {
            glibc,
            own,
            _here: std::marker::PhantomData,
        };
        // SAFETY: the function sets pointers among the calling thread's thread-locals.
        let ready = block.inside(|| unsafe { (glibc.init_ctype)() });
        ready.ok().map(|()| block)
    }

    /// Calls `f` with the thread-locals of this block, and returns its value or the payload of its panic. To be called
    /// in the thread that has made the block, outside of every block; and by code that gives to `f`, and takes from it,
    /// only what may go from thread to thread.
    pub(crate) fn inside<R>(&self, f: impl FnOnce() -> R) -> thread::Result<R> {
        let (own, carrier) = (self.own, thread_pointer());
        // SAFETY: the block is complete, and belongs to the thread that runs this, as it is not `Send`. A greenlet,
        // which `f` may leave, does not change its thread.
        unsafe { crossing::inside(Pointers { own, carrier }, f) }
    }

    /// Calls the destructors of the thread-locals, and then those of the values by key, as the C library does at the
    /// end of a thread. To be called inside of the block.
    pub(crate) fn run_destructors(&self) {
        // SAFETY: the function calls the destructors of the calling thread, which is this one.
        unsafe { (self.glibc.call_destructors)() };
        // The first call takes the message of the last error of `dlopen`, if there is one, and the second one frees it.
        // That uses the allocator, whose own destructor is among the next ones.
        for _ in 0..2 {
            // SAFETY: nobody else uses the thread's message any more.
            unsafe { libc::dlerror() };
        }
        for _ in 0..DESTRUCTOR_ROUNDS {
            if !self.destroy_values() {
                break;
            }
        }
        let resolver = self.glibc.data_of(self.own) + self.glibc.resolver;
        // SAFETY: nobody else uses this thread's resolver. The function closes what it has opened, and frees the
        // addresses of its servers; it must not be called for one that was never used.
        unsafe {
            if ((resolver + RESOLVER_SERVERS) as *const u32).read() != 0 {
                (self.glibc.close_resolver)(resolver as *mut c_void);
            }
        }
    }

    /// Calls the destructors of the values by key once. Returns whether there was one.
    fn destroy_values(&self) -> bool {
        let mut any = false;
        for block in 0..KEY_BLOCKS {
            let values = self.values(block);
            if values.is_null() {
                continue;
            }
            for place in 0..KEYS_IN_BLOCK {
                // SAFETY: each of these blocks has so many values, and the table has an entry for each key.
                any |= unsafe { destroy_value(values.add(place), self.glibc.keys.add(block * KEYS_IN_BLOCK + place)) };
            }
        }
        any
    }

    /// The values of a block of keys; null if there are none.
    fn values(&self, block: usize) -> *mut Value {
        // SAFETY: the table has a pointer for each block, and is this thread's.
        unsafe { ((self.glibc.data_of(self.own) + self.glibc.value_table + block * 8) as *const *mut Value).read() }
    }
}

/// A block that others know, by its `pthread_t`, before its thread begins and after it has ended. Any thread may have
/// the last handle, and drop it.
pub(crate) struct SharedBlock(Option<Block>);

// SAFETY: only the carrier runs in the block. All that other threads do is to ask for its address, and to drop it when
// nothing runs in it any more: the C library's functions, and those of the pool, take blocks of any thread.
unsafe impl Send for SharedBlock {}
// SAFETY: as above.
unsafe impl Sync for SharedBlock {}

impl SharedBlock {
    /// As [`Block::new`].
    pub(crate) fn new() -> Option<SharedBlock> {
        Block::new().map(|block| SharedBlock(Some(block)))
    }

    /// The block, for the greenlet that runs in it.
    pub(crate) fn block(&self) -> &Block {
        self.0.as_ref().expect("it is there until it is dropped")
    }

    pub(crate) fn pthread(&self) -> usize {
        let block = self.block();
        block.glibc.data_of(block.own)
    }
}

impl Drop for SharedBlock {
    fn drop(&mut self) {
        let block = self.0.take();
        // A virtual thread is to give it to its carrier's pool. This does not panic.
        let _ = crossing::outside(move || drop(block));
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        for block in 1..KEY_BLOCKS {
            // SAFETY: the C library has allocated all blocks but the first one, by the program's `calloc`.
            unsafe { libc::free(self.values(block).cast()) };
        }
        // SAFETY: nothing runs in the block any more, and nobody refers to it: what has lived in it has been destroyed,
        // or could not leave it.
        unsafe { pool::give(self.glibc, self.own) };
    }
}

/// Calls the destructor of a value by key, if it has one. Returns whether it had.
///
/// # Safety
/// The value belongs to the thread that calls this, and to the key.
unsafe fn destroy_value(value: *mut Value, key: *const Key) -> bool {
    // SAFETY: only this thread uses the value, which is there until its block is gone.
    let data = unsafe { ptr::replace(&raw mut (*value).data, ptr::null_mut()) };
    if data.is_null() {
        return false;
    }
    // SAFETY: the key may be deleted meanwhile, with its destructor, which is wrong while threads use it, as for every
    // thread.
    let destructor = unsafe {
        let is_its = (&raw const (*key).sequence).read_volatile() == (*value).sequence;
        (&raw const (*key).destructor).read_volatile().filter(|_| is_its)
    };
    if let Some(destructor) = destructor {
        // SAFETY: the key's owner has given this function for the key's values.
        unsafe { destructor(data) };
    }
    destructor.is_some()
}

/// Has the C library note in the calling thread's data what blocks take over:
///
/// * the generator of random numbers, which it makes (since 2.41) when a thread asks for some, and takes back at the
///   end of real threads only. Blocks share that of their carrier: it is used for the length of a call, and marked as
///   in use meanwhile.
/// * the scheduling, for which it would ask the kernel by the virtual thread's number.
fn prepare_carrier() {
    thread_local!(static IS_READY: Cell<bool> = const { Cell::new(false) });
    if !IS_READY.replace(true) {
        let mut number = 0_u8;
        // SAFETY: the call writes one byte. Failing means that the C library has no generator.
        unsafe { libc::getrandom((&raw mut number).cast(), 1, 0) };
        let mut policy = 0;
        let mut parameters = std::mem::MaybeUninit::uninit();
        // SAFETY: the call writes both. If it fails, it will in blocks.
        unsafe { libc::pthread_getschedparam(libc::pthread_self(), &raw mut policy, parameters.as_mut_ptr()) };
    }
}

/// Whether a thread with this number is a virtual one.
pub(super) fn is_virtual(number: u32) -> bool {
    number >= FIRST_NUMBER
}

/// A number for a virtual thread, by which recursive mutexes of the C library know their owner.
fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    FIRST_NUMBER + NEXT.fetch_add(1, Ordering::Relaxed) % NUMBERS
}

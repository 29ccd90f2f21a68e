//! Where the processor, the kernel or the C library does not allow virtual threads, none of these tests can run. This
//! program says so then, and ends before its tests begin; `refused.rs` has what is tested there.

/// Called by the dynamic linker, when all libraries are ready.
#[used]
// SAFETY: the section is a list of functions of this type.
#[unsafe(link_section = ".init_array")]
static BEFORE_THE_TESTS: extern "C" fn() = end_if_there_are_none;

extern "C" fn end_if_there_are_none() {
    if let Err(reason) = gevent_threading::supported() {
        eprintln!("SKIPPED: {reason}");
        std::process::exit(0);
    }
}

//! In what environments cases run once more.

use crate::this_program;

/// A variable and its value.
pub(crate) type Setting = (&'static str, &'static str);

/// Allocators that take the place of the C library's, where they are installed.
const ALLOCATORS: [&str; 2] = ["libjemalloc.so.2", "libmimalloc.so.2"];
const FOR_EACH_ALLOCATOR: &[&str] = &["several_carriers", "no_leaks", "fork_on_other_thread", "implicit_end"];
/// The C library does not ask the kernel to tell it the processor, as if the kernel refused. In this case a virtual
/// thread makes a real one.
const WITHOUT_RSEQ: (Setting, &[&str]) = (("GLIBC_TUNABLES", "glibc.pthread.rseq=0"), &["user_ids"]);
/// More than four times the size that is usual otherwise, so that the case needs it.
const LARGE_STACKS: (Setting, &[&str]) = (("RUST_MIN_STACK", "33554432"), &["usual_stack"]);

/// The settings, and the names of their cases.
pub(crate) fn settings() -> Vec<(Setting, &'static [&'static str])> {
    let mut all = vec![WITHOUT_RSEQ, LARGE_STACKS];
    let is_emulated = std::env::var_os(this_program::RUNNER).is_some();
    for allocator in ALLOCATORS {
        if is_emulated {
            println!("SKIPPED: {allocator}: the emulator itself would load it");
        } else if !is_loaded(allocator) {
            println!("SKIPPED: there is no {allocator}");
        } else {
            all.push((("LD_PRELOAD", allocator), FOR_EACH_ALLOCATOR));
        }
    }
    all
}

/// Whether the dynamic linker finds a library that is to be loaded first. If not, it says so, and goes on.
fn is_loaded(library: &str) -> bool {
    let output = this_program::command()
        .arg("nothing")
        .env("LD_PRELOAD", library)
        .output();
    let output = output.expect("it starts");
    assert!(output.status.success(), "{output:?}");
    output.stderr.is_empty()
}

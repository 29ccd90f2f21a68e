//! What ends a process, forks it, or is counted in it: each case is a process of its own, which this program starts.
//! Where there are no virtual threads, there are no cases: `refused.rs` has what is tested there.
//!
//! ```text
//! processes            all cases
//! processes NAME       one case, in this process
//! ```

#[cfg(virtual_threads)]
mod cases;
#[cfg(virtual_threads)]
mod settings;

#[cfg(virtual_threads)]
#[path = "../../../tests/common/this_program.rs"]
mod this_program;

fn main() {
    #[cfg(virtual_threads)]
    cases::main();
}

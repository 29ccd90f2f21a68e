//! What ends a process, forks it, or is counted in it: each case is a process of its own, which this program starts.
//! Where there are no virtual threads, there are no cases: `refused.rs` has what is tested there.
//!
//! ```text
//! processes            all cases
//! processes NAME       one case, in this process
//! ```

#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_arch = "x86_64",
    not(target_feature = "crt-static")
))]
mod cases;

fn main() {
    #[cfg(all(
        target_os = "linux",
        target_env = "gnu",
        target_arch = "x86_64",
        not(target_feature = "crt-static")
    ))]
    cases::main();
}

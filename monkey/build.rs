//! Tells the crate whether there is a C library whose functions can be interposed, and whether it is built for a
//! sanitizer.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(glibc)");
    println!("cargo::rustc-check-cfg=cfg(sanitized)");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-cfg=glibc");
    }
    // Cargo sets this variable from `-Zsanitizer` in the flags of the compiler.
    if env::var_os("CARGO_CFG_SANITIZE").is_some() {
        println!("cargo::rustc-cfg=sanitized");
    }
}

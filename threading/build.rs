//! Tells the crate and its tests what they are built for:
//!
//! * `virtual_threads`: there is code for virtual threads on this platform;
//! * `static_c_library`: there would be, were the C library not linked statically;
//! * `sanitized`: a sanitizer is built in.

use std::env::{var, var_os};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(virtual_threads, static_c_library, sanitized)");
    // Cargo sets these variables: of what the compiler is asked for, and, from `-Zsanitizer`, of a sanitizer.
    let target = |name: &str| var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let processors = ["x86_64", "aarch64"];
    let is_known = target("OS") == "linux" && target("ENV") == "gnu" && processors.contains(&&*target("ARCH"));
    let is_static = target("FEATURE").split(',').any(|feature| feature == "crt-static");
    if is_known && is_static {
        println!("cargo::rustc-cfg=static_c_library");
    } else if is_known && var_os("CARGO_CFG_MIRI").is_none() {
        println!("cargo::rustc-cfg=virtual_threads");
    }
    if var_os("CARGO_CFG_SANITIZE").is_some() {
        println!("cargo::rustc-cfg=sanitized");
    }
}

//! Tells the crate whether it is built for a sanitizer.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(sanitized)");
    // Cargo sets this variable from `-Zsanitizer` in the flags of the compiler.
    if std::env::var_os("CARGO_CFG_SANITIZE").is_some() {
        println!("cargo::rustc-cfg=sanitized");
    }
}

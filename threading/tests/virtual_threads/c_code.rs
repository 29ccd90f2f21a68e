//! Libraries of C code, which a test loads.

use std::ffi::{CStr, CString, c_char, c_void};
use std::process::Command;

/// The variable that names, when another architecture is emulated, the compiler for it.
const COMPILER: &str = "CHILD_COMPILER";

/// Compiles and loads a library. None without a compiler.
pub(crate) fn load(name: &str, source: &str) -> Option<*mut c_void> {
    let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("it can be made");
    let (code, library) = (folder.join("code.c"), folder.join("code.so"));
    std::fs::write(&code, source).expect("it can be written");
    let compiler = std::env::var(COMPILER).unwrap_or_else(|_| "cc".into());
    let compiled = Command::new(compiler)
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &code])
        .status();
    let Ok(compiled) = compiled else {
        eprintln!("SKIPPED: {name}: there is no C compiler");
        return None;
    };
    assert!(compiled.success());
    let path = CString::new(library.to_str().expect("it is UTF-8")).expect("it has no zeros");
    // SAFETY: the library has no code of its own that runs now.
    let loaded = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    if loaded.is_null() {
        // SAFETY: the message is there, as the call has failed.
        panic!("{:?}", unsafe { CStr::from_ptr(libc::dlerror().cast::<c_char>()) });
    }
    std::fs::remove_dir_all(&folder).expect("it is there");
    Some(loaded)
}

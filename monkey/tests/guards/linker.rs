//! Inside of the dynamic linker.

use std::ffi::{CString, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs, ptr};

use libc::{c_int, dl_phdr_info, size_t};

use crate::{assert_parks, in_virtual_thread, others_run_in, pause};

/// Compiles a library, with these arguments for the compiler.
fn library(folder: &Path, name: &str, text: &str, arguments: &[&str]) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let (source, library) = (folder.join(format!("{name}.c")), folder.join(format!("lib{name}.so")));
    fs::write(&source, text).unwrap();
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let compiled = Command::new(compiler)
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .args(arguments)
        .status()
        .expect("there is a C compiler, as libev takes one");
    assert!(compiled.success());
    library
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()))
}

/// A library that takes its time when it is loaded, and when it is unloaded.
static SLEEPY: LazyLock<PathBuf> = LazyLock::new(|| {
    const TEXT: &str = "#include <unistd.h>
        __attribute__ ((constructor)) static void begin (void) { usleep (1000); }
        __attribute__ ((destructor)) static void end (void) { usleep (1000); }";
    library(&folder("sleepy"), "sleepy", TEXT, &[])
});

fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

unsafe extern "C" {
    fn dlmopen(space: libc::c_long, name: *const libc::c_char, flags: c_int) -> *mut c_void;
}

#[test]
fn initialisers_of_libraries_do_not_park() {
    let path = c_path(&SLEEPY);
    in_virtual_thread(move || {
        for space in [None, Some(0)] {
            let mut library = ptr::null_mut();
            assert!(!others_run_in(|| {
                library = match space {
                    // SAFETY: the library's initialisers are the ones above.
                    None => unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) },
                    // SAFETY: as above.
                    Some(space) => unsafe { dlmopen(space, path.as_ptr(), libc::RTLD_NOW) },
                };
            }));
            assert!(!library.is_null());
            assert_parks();
            // SAFETY: nobody uses the library.
            assert!(!others_run_in(|| assert_eq!(unsafe { libc::dlclose(library) }, 0)));
            assert_parks();
        }
    });
}

#[test]
fn who_lists_libraries_does_not_park() {
    unsafe extern "C" fn each(_: *mut dl_phdr_info, _: size_t, _: *mut c_void) -> c_int {
        pause();
        1
    }
    in_virtual_thread(|| {
        // SAFETY: the callback has the right type.
        assert!(!others_run_in(|| unsafe {
            libc::dl_iterate_phdr(Some(each), ptr::null_mut());
        }));
        assert_parks();
    });
}

/// A real thread's call is passed on as it is: the library that makes it finds what is beside it, by its own path.
#[test]
fn in_real_threads_libraries_are_looked_for_where_the_caller_says() {
    let folder = folder("beside");
    library(&folder, "inner", "int inner (void) { return 1; }", &[]);
    const OUTER: &str = "#include <dlfcn.h>
        void *find (void) { return dlopen (\"libinner.so\", RTLD_NOW); }";
    let outer = library(
        &folder,
        "outer",
        OUTER,
        &["-Wl,-rpath,$ORIGIN", "-Wl,--enable-new-dtags"],
    );
    // SAFETY: the library has no initialisers, and the function this type.
    unsafe {
        let outer = libc::dlopen(c_path(&outer).as_ptr(), libc::RTLD_NOW);
        assert!(!outer.is_null());
        let find = libc::dlsym(outer, c"find".as_ptr());
        assert!(!find.is_null());
        let find = std::mem::transmute::<*mut c_void, extern "C" fn() -> *mut c_void>(find);
        assert!(!find().is_null());
    }
}

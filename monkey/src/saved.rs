//! [`saved`] and [`get_original`]: the C library's own functions, for code that is to block its thread.

use std::ffi::CStr;

use crate::patches::{Module, is_module_patched};

/// A function of the C library's, without its prototype: it is called after a `transmute` to that.
pub type Function = unsafe extern "C" fn();

/// What this crate interposes, by module; what the guards watch is not here. A test compares it with the symbols of a
/// program.
#[rustfmt::skip] // one in each line takes two pages
const INTERPOSED: [(Module, &[&CStr]); 7] = [
    (Module::Socket, &[
        c"mq_receive", c"mq_send", c"mq_timedreceive", c"mq_timedsend", c"sendfile", c"sendfile64", c"splice", c"tee",
        c"vmsplice",
        c"accept", c"accept4", c"close", c"close_range", c"closefrom", c"connect", c"dup2", c"dup3", c"preadv2",
        c"preadv64v2", c"pwritev2", c"pwritev64v2", c"read", c"readv", c"recv", c"recvfrom", c"recvmmsg", c"recvmsg",
        c"send", c"sendmmsg", c"sendmsg", c"sendto", c"write", c"writev", c"fread", c"fgets", c"getdelim",
        c"getline", c"getc", c"fgetc", c"getchar", c"__close", c"__connect", c"__dup2", c"__read", c"__read_chk",
        c"__recv_chk", c"__recvfrom_chk", c"__send", c"__write", c"__fread_chk", c"__fgets_chk", c"__getdelim",
        c"_IO_getc",
    ]),
    (Module::Dns, &[
        c"getaddrinfo", c"getnameinfo", c"gethostbyname", c"gethostbyname2", c"gethostbyaddr", c"gethostbyname_r",
        c"gethostbyname2_r", c"gethostbyaddr_r",
    ]),
    (Module::Time, &[
        c"nanosleep", c"clock_nanosleep", c"usleep", c"sleep",
    ]),
    (Module::Select, &[
        c"epoll_pwait", c"epoll_pwait2", c"epoll_wait", c"poll", c"ppoll", c"pselect", c"select", c"__poll_chk",
        c"__ppoll_chk",
    ]),
    (Module::Thread, &[
        c"pthread_clockjoin_np", c"pthread_create", c"pthread_detach", c"pthread_getname_np", c"pthread_join",
        c"pthread_setname_np", c"pthread_timedjoin_np", c"pthread_tryjoin_np", c"sched_yield", c"sem_clockwait",
        c"sem_timedwait", c"sem_wait", c"syscall",
        c"sched_getaffinity", c"pthread_getaffinity_np", c"sysconf", c"get_nprocs", c"get_nprocs_conf",
    ]),
    (Module::Subprocess, &[
        c"wait", c"wait3", c"wait4", c"waitid", c"waitpid", c"system", c"pclose", c"sigwait", c"sigwaitinfo",
        c"sigtimedwait",
    ]),
    (Module::Disk, &[
        c"fsync", c"fdatasync", c"syncfs", c"sync", c"msync", c"flock", c"lockf", c"lockf64", c"fcntl", c"fcntl64",
    ]),
];

/// The functions of a module.
fn functions(module: Module) -> impl Iterator<Item = &'static CStr> {
    let modules = INTERPOSED.iter().filter(move |(its, _)| *its == module);
    modules.flat_map(|(_, functions)| functions.iter().copied())
}

fn find(name: &CStr) -> Option<Function> {
    // SAFETY: the name ends with a zero.
    let address = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    // SAFETY: an address and a pointer to a function have one size here, and null is the `None` of the latter.
    unsafe { std::mem::transmute::<*mut libc::c_void, Option<Function>>(address) }
}

/// The C library's own function in the place of which this crate has put one, whether its module is patched or not. It
/// blocks the thread, with all that it carries.
///
/// The first name is that of the module, as in [`Module::name`]. None if the module has no such function.
///
/// ```
/// use std::ffi::c_uint;
///
/// gevent_monkey::patch_all()?;
/// let sleep = gevent_monkey::get_original("time", "sleep").expect("it is interposed");
/// // SAFETY: this is the prototype of sleep(3).
/// let sleep = unsafe { std::mem::transmute::<_, unsafe extern "C" fn(c_uint) -> c_uint>(sleep) };
/// // SAFETY: it has no conditions.
/// assert_eq!(unsafe { sleep(0) }, 0);
/// assert!(gevent_monkey::get_original("time", "strftime").is_none());
/// # Ok::<(), gevent_threading::Unsupported>(())
/// ```
///
/// Source: gevent's `get_original`.
pub fn get_original(module: &str, function: &str) -> Option<Function> {
    let module = Module::ALL.into_iter().find(|its| its.name() == module)?;
    find(functions(module).find(|name| name.to_bytes() == function.as_bytes())?)
}

/// Whether a function of the C library's is patched, by the name of its module and its own. False for names that are
/// none.
///
/// ```
/// gevent_monkey::patch_time()?;
/// assert!(gevent_monkey::is_object_patched("time", "nanosleep"));
/// assert!(!gevent_monkey::is_object_patched("time", "time"));
/// # Ok::<(), gevent_threading::Unsupported>(())
/// ```
///
/// Source: gevent's `is_object_patched`.
pub fn is_object_patched(module: &str, function: &str) -> bool {
    is_module_patched(module) && get_original(module, function).is_some()
}

/// The functions that are patched: the module, the name, and the C library's own function.
///
/// ```
/// gevent_monkey::patch_time()?;
/// assert!(gevent_monkey::saved().any(|(module, name, _)| (module.name(), name) == ("time", "usleep")));
/// # Ok::<(), gevent_threading::Unsupported>(())
/// ```
///
/// Source: gevent's `saved`.
pub fn saved() -> impl Iterator<Item = (Module, &'static str, Function)> {
    let patched = Module::ALL
        .into_iter()
        .filter(|module| is_module_patched(module.name()));
    let all = patched.flat_map(|module| functions(module).map(move |name| (module, name)));
    all.filter_map(|(module, name)| Some((module, name.to_str().ok()?, find(name)?)))
}

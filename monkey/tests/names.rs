//! The lookup of names in virtual threads.

mod team;

use std::ffi::{CStr, CString};
use std::mem::zeroed;
use std::net::{ToSocketAddrs, UdpSocket};
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use gevent::threadpool::{HubExt, ThreadPool};
use gevent_monkey::{stats, take_exception};
use gevent_threading::spawn;
use libc::{c_char, c_int, hostent, sockaddr_in, socklen_t};
use team::{as_in_thread, kill, killed, parked, test, until};

unsafe extern "C" {
    fn gethostbyname(name: *const c_char) -> *mut hostent;
    fn gethostbyname2(name: *const c_char, family: c_int) -> *mut hostent;
    fn gethostbyaddr(address: *const libc::c_void, size: socklen_t, family: c_int) -> *mut hostent;
    fn gethostbyname_r(
        name: *const c_char,
        entry: *mut hostent,
        buffer: *mut c_char,
        size: usize,
        found: *mut *mut hostent,
        h_error: *mut c_int,
    ) -> c_int;
    fn gethostbyname2_r(
        name: *const c_char,
        family: c_int,
        entry: *mut hostent,
        buffer: *mut c_char,
        size: usize,
        found: *mut *mut hostent,
        h_error: *mut c_int,
    ) -> c_int;
    fn gethostbyaddr_r(
        address: *const libc::c_void,
        address_size: socklen_t,
        family: c_int,
        entry: *mut hostent,
        buffer: *mut c_char,
        size: usize,
        found: *mut *mut hostent,
        h_error: *mut c_int,
    ) -> c_int;
    safe fn __h_errno_location() -> *mut c_int;
}

/// An address: its family, its bytes, and the canonical name.
type Address = (c_int, Vec<u8>, Option<CString>);

/// getaddrinfo(3): the code, and the addresses.
fn getaddrinfo(name: &str, service: &str, flags: c_int) -> (c_int, Vec<Address>) {
    let [name, service] = [name, service].map(|text| CString::new(text).unwrap());
    // SAFETY: the hints are plain data.
    let mut hints: libc::addrinfo = unsafe { zeroed() };
    hints.ai_flags = flags;
    hints.ai_socktype = libc::SOCK_STREAM;
    addresses(&name, &service, &hints)
}

fn addresses(name: &CStr, service: &CStr, hints: &libc::addrinfo) -> (c_int, Vec<Address>) {
    let mut found = Vec::new();
    let mut list = null_mut();
    // SAFETY: all pointers are those of texts and variables.
    let code = unsafe { libc::getaddrinfo(name.as_ptr(), service.as_ptr(), hints, &raw mut list) };
    if code == 0 {
        let mut next = list;
        // SAFETY: the list is read until its end, and freed once.
        unsafe {
            while let Some(info) = next.as_ref() {
                let address = std::slice::from_raw_parts(info.ai_addr.cast::<u8>(), info.ai_addrlen as usize);
                let name = info.ai_canonname;
                let name = (!name.is_null()).then(|| CStr::from_ptr(name).to_owned());
                found.push((info.ai_family, address.to_vec(), name));
                next = info.ai_next;
            }
            libc::freeaddrinfo(list);
        }
    }
    (code, found)
}

#[test]
fn names_are_found_as_in_threads() {
    test(|| {
        let before = stats().parked;
        let (code, found) = as_in_thread(|| getaddrinfo("localhost", "http", libc::AI_CANONNAME));
        assert!(code == 0 && !found.is_empty());
        assert_eq!(
            as_in_thread(|| getaddrinfo("localhost", "no such service", 0)).0,
            libc::EAI_SERVICE
        );
        assert_ne!(as_in_thread(|| getaddrinfo("name.invalid", "80", 0)).0, 0);
        as_in_thread(|| getaddrinfo("localhost", "80", 0x4000_0000).0);
        let found = as_in_thread(|| {
            ("localhost", 80)
                .to_socket_addrs()
                .ok()
                .map(Iterator::collect::<Vec<_>>)
        });
        assert!(found.is_some());
        assert!(stats().parked > before);
    });
}

#[test]
fn a_hundred_lookups_at_once() {
    test(|| {
        let lookups: Vec<_> = (0..100)
            .map(|_| spawn(|| ("localhost", 80).to_socket_addrs().map(|found| found.count() > 0)))
            .collect();
        for lookup in lookups {
            assert!(lookup.join().unwrap().unwrap());
        }
    });
}

/// For an address that is one already, nobody is asked.
#[test]
fn numbers_are_not_looked_up() {
    test(|| {
        let before = stats().parked;
        let found = spawn(|| (getaddrinfo("127.0.0.1", "80", 0).0, getaddrinfo("::1", "80", 0).0));
        assert_eq!(found.join().unwrap(), (0, 0));
        let refused = spawn(|| getaddrinfo("name", "80", libc::AI_NUMERICHOST).0);
        assert_eq!(refused.join().unwrap(), libc::EAI_NONAME);
        assert_eq!(stats().parked, before);
    });
}

fn loopback() -> sockaddr_in {
    sockaddr_in {
        sin_family: libc::AF_INET as _,
        sin_port: 80_u16.to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(std::net::Ipv4Addr::LOCALHOST).to_be(),
        },
        sin_zero: [0; 8],
    }
}

/// getnameinfo(3): the code and the two texts.
fn getnameinfo(sizes: [usize; 2], flags: c_int) -> (c_int, [Option<CString>; 2]) {
    let address = loopback();
    let mut texts = sizes.map(|size| vec![0x55_u8; size]);
    let [name, service] = texts.each_mut().map(|text| match text.len() {
        0 => null_mut(),
        _ => text.as_mut_ptr().cast::<c_char>(),
    });
    let [name_size, service_size] = sizes.map(|size| size as socklen_t);
    let size = size_of::<sockaddr_in>() as socklen_t;
    // SAFETY: all pointers are null, or those of variables of the sizes that are told.
    let code = unsafe {
        let address = (&raw const address).cast();
        libc::getnameinfo(address, size, name, name_size, service, service_size, flags)
    };
    (
        code,
        texts.map(|text| CStr::from_bytes_until_nul(&text).ok().map(CStr::to_owned)),
    )
}

#[test]
fn names_of_addresses_are_found_as_in_threads() {
    test(|| {
        let before = stats().parked;
        assert_eq!(as_in_thread(|| getnameinfo([200, 50], 0)).0, 0);
        assert!(stats().parked > before);
        as_in_thread(|| getnameinfo([200, 0], libc::NI_NAMEREQD));
        as_in_thread(|| getnameinfo([0, 50], 0));
        as_in_thread(|| getnameinfo([200, 50], libc::NI_NUMERICHOST | libc::NI_NUMERICSERV));
        assert_eq!(as_in_thread(|| getnameinfo([4, 50], 0).0), libc::EAI_OVERFLOW);
        as_in_thread(|| getnameinfo([0, 0], 0).0);
    });
}

/// A copy of an entry.
#[derive(Debug, PartialEq)]
struct Entry {
    name: CString,
    aliases: Vec<CString>,
    family: c_int,
    addresses: Vec<Vec<u8>>,
}

/// # Safety
/// The pointer is null, or that of an entry.
unsafe fn entry(entry: *const hostent) -> Option<Entry> {
    // SAFETY: by this function's contract; both lists end with a null.
    unsafe {
        let entry = entry.as_ref()?;
        let list = |list: *mut *mut c_char| {
            let pointers = (0..).map(move |index| list.add(index).read_unaligned());
            pointers.take_while(|pointer| !pointer.is_null())
        };
        let length = entry.h_length as usize;
        let bytes = |address: *mut c_char| std::slice::from_raw_parts(address.cast::<u8>(), length).to_vec();
        Some(Entry {
            name: CStr::from_ptr(entry.h_name).to_owned(),
            aliases: list(entry.h_aliases)
                .map(|alias| CStr::from_ptr(alias).to_owned())
                .collect(),
            family: entry.h_addrtype,
            addresses: list(entry.h_addr_list).map(bytes).collect(),
        })
    }
}

/// The functions by number, with their results in the C library's places.
fn host(call: usize, name: &CStr) -> (Option<Entry>, Option<c_int>) {
    let address = loopback().sin_addr;
    // SAFETY: all pointers are those of a text and a variable; the place of `h_errno` is this thread's.
    unsafe {
        let found = entry(match call {
            0 => gethostbyname(name.as_ptr()),
            1 => gethostbyname2(name.as_ptr(), libc::AF_INET),
            _ => gethostbyaddr((&raw const address).cast(), 4, libc::AF_INET),
        });
        let h_error = found.is_none().then(|| *__h_errno_location());
        (found, h_error)
    }
}

/// The functions by number, with a buffer of this size that begins at an odd address or not: the code, the entry, and
/// the other error.
fn host_in(call: usize, name: &CStr, size: usize, odd: usize) -> (c_int, Option<Entry>, c_int) {
    let address = loopback().sin_addr;
    let mut buffer = vec![0x55 as c_char; size + odd];
    let (mut found, mut h_error) = (null_mut(), 0);
    // SAFETY: all pointers are those of variables, and the buffer has the size that is told.
    unsafe {
        let mut place: hostent = zeroed();
        let buffer = buffer.as_mut_ptr().add(odd);
        let (place, found, h_error) = (&raw mut place, &raw mut found, &raw mut h_error);
        let name = name.as_ptr();
        let code = match call {
            0 => gethostbyname_r(name, place, buffer, size, found, h_error),
            1 => gethostbyname2_r(name, libc::AF_INET, place, buffer, size, found, h_error),
            _ => {
                let address = (&raw const address).cast();
                gethostbyaddr_r(address, 4, libc::AF_INET, place, buffer, size, found, h_error)
            }
        };
        assert!((*found).is_null() || *found == place);
        (code, entry(*found), *h_error)
    }
}

#[test]
fn hosts_are_found_as_in_threads() {
    test(|| {
        let before = stats().parked;
        let (found, _) = as_in_thread(|| host(0, c"localhost"));
        assert_eq!(found.unwrap().addresses, [[127, 0, 0, 1]]);
        assert!(as_in_thread(|| host(1, c"localhost")).0.is_some());
        assert!(as_in_thread(|| host(2, c"")).0.is_some());
        assert!(as_in_thread(|| host(0, c"name.invalid")).0.is_none());
        as_in_thread(|| host(0, c"127.0.0.1"));
        // Each size of the buffer that is too small, and some that are not.
        as_in_thread(|| {
            let sizes = (0..200).chain([1000, 10_000]);
            let all = sizes.flat_map(|size| [0, 3].map(|odd| (size, odd)));
            all.map(|(size, odd)| (0..3).map(|call| host_in(call, c"localhost", size, odd)).collect())
                .collect::<Vec<Vec<_>>>()
        });
        as_in_thread(|| host_in(0, c"name.invalid", 1000, 0));
        assert!(stats().parked > before);
    });
}

/// What a virtual thread has found last is its own.
#[test]
fn an_entry_belongs_to_its_thread() {
    test(|| {
        let threads: Vec<_> = (0..10)
            .map(|number| {
                spawn(move || {
                    let name = if number % 2 == 0 {
                        c"localhost"
                    } else {
                        c"ip6-localhost"
                    };
                    // SAFETY: the name is a text; the entry lives until this thread's next call.
                    unsafe {
                        let found = gethostbyname(name.as_ptr());
                        let before = entry(found);
                        gevent_threading::sleep(std::time::Duration::from_millis(5));
                        before == entry(found)
                    }
                })
            })
            .collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    });
}

/// The threads of the pool are busy while the lookups are given up. What they find later is dropped.
#[test]
fn a_kill_ends_each_lookup() {
    test(|| {
        let pool = ThreadPool::new(1);
        hub::get_hub().set_resolver_threadpool(pool.clone());
        let busy = || {
            let (release, released) = channel::<()>();
            let task = pool.spawn(move || released.recv().is_ok()).unwrap();
            (release, task)
        };
        let canceled = Some(libc::ECANCELED);
        for round in 0..2 {
            let (release, task) = busy();
            let (found, errno) = match round {
                0 => killed(|| getaddrinfo("localhost", "80", 0).0),
                _ => killed(|| getnameinfo([200, 50], 0).0),
            };
            assert_eq!((found, errno), (libc::EAI_SYSTEM, canceled));
            release.send(()).unwrap();
            assert!(task.get().unwrap());
        }
        for call in 0..3 {
            let (release, task) = busy();
            assert_eq!(killed(move || host(call, c"localhost")), ((None, Some(-1)), canceled));
            release.send(()).unwrap();
            task.get().unwrap();
            let (release, task) = busy();
            let (result, errno) = killed(move || host_in(call, c"localhost", 1000, 0));
            assert_eq!((result, errno), ((libc::ECANCELED, None, -1), canceled));
            release.send(()).unwrap();
            task.get().unwrap();
        }
        until(|| pool.is_empty());
    });
}

/// The begin of `struct __res_state`.
#[repr(C)]
struct Resolver {
    retransmit_after: c_int,
    retries: c_int,
    options: libc::c_ulong,
    server_count: c_int,
    servers: [sockaddr_in; 3],
}

unsafe extern "C" {
    safe fn __res_state() -> *mut Resolver;
    safe fn __res_init() -> c_int;
}

/// Has this thread's resolver ask a server of ours, once.
fn ask(server: &UdpSocket) {
    assert_eq!(__res_init(), 0);
    let port = server.local_addr().unwrap().port();
    // SAFETY: the state is this thread's.
    let resolver = unsafe { &mut *__res_state() };
    (resolver.retransmit_after, resolver.retries, resolver.server_count) = (30, 1, 1);
    resolver.servers[0] = loopback();
    resolver.servers[0].sin_port = port.to_be();
}

/// Answers queries until one for this family was answered: the name has the address 10.11.12.13, and no other.
fn answer(server: &UdpSocket) {
    let mut query = [0; 512];
    loop {
        let (length, from) = server.recv_from(&mut query).unwrap();
        let mut reply = query[..length].to_vec();
        let is_v4 = reply.ends_with(&[0, 1, 0, 1]);
        // An answer, which is recursive; one record; nothing more.
        reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_v4), 0, 0, 0, 0]);
        if is_v4 {
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 11, 12, 13]);
        }
        server.send_to(&reply, from).unwrap();
        if is_v4 {
            return;
        }
    }
}

/// The names are not in files here: whoever answers is the server that the caller has set, in its own thread alone.
#[test]
fn a_resolver_is_its_threads() {
    test(|| {
        let server = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        for call in 0..3 {
            let theirs = server.clone();
            let answers = thread::spawn(move || answer(&theirs));
            let theirs = server.clone();
            let found = parked(move || {
                ask(&theirs);
                match call {
                    0 => getaddrinfo_v4("name.of.ours")
                        .first()
                        .map(|(_, address, _)| address[4..8].to_vec()),
                    1 => host(1, c"name.of.ours").0.map(|entry| entry.addresses[0].clone()),
                    _ => host_in(1, c"name.of.ours", 1000, 0)
                        .1
                        .map(|entry| entry.addresses[0].clone()),
                }
            });
            assert_eq!(found.join().unwrap().unwrap(), [10, 11, 12, 13]);
            answers.join().unwrap();
        }
        // Another thread has the usual one.
        let asked = spawn(|| getaddrinfo("name.invalid", "80", 0).0).join().unwrap();
        assert_ne!(asked, 0);
        server.set_nonblocking(true).unwrap();
        assert!(server.recv(&mut [0; 512]).is_err());
    });
}

/// The lookup is under way when it is given up, and finds something later.
#[test]
fn a_lookup_that_is_given_up_ends_later() {
    test(|| {
        let server = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        server.set_nonblocking(true).unwrap();
        let theirs = server.clone();
        let victim = parked(move || {
            ask(&theirs);
            let found = getaddrinfo_v4("name.of.ours").len();
            let errno = std::io::Error::last_os_error().raw_os_error();
            (found, errno, take_exception().is_some_and(|thrown| thrown.is_exit()))
        });
        // The query is there, and read again later.
        until(|| server.peek(&mut [0; 512]).is_ok());
        kill();
        assert_eq!(victim.join().unwrap(), (0, Some(libc::ECANCELED), true));
        let pool = hub::get_hub().resolver_threadpool();
        assert_eq!(pool.len(), 1);
        server.set_nonblocking(false).unwrap();
        answer(&server);
        until(|| pool.is_empty());
    });
}

/// The addresses of a name, of this family alone.
fn getaddrinfo_v4(name: &str) -> Vec<Address> {
    let name = CString::new(name).unwrap();
    // SAFETY: the hints are plain data.
    let mut hints: libc::addrinfo = unsafe { zeroed() };
    hints.ai_family = libc::AF_INET;
    addresses(&name, c"80", &hints).1
}

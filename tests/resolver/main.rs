//! Tests of looking names and addresses up: what is found is what Python finds, with names of the hosts file and of
//! services, with addresses, and with what is none of these. No name goes to a name server.

#[path = "../support/mod.rs"]
mod support;

use std::cell::Cell;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::channel;

use gevent::exceptions::{BlockingSwitchOutError, UnknownResolver};
use gevent::resolver::{BlockingResolver, HOST_NOT_FOUND, HubResolver, Resolver, ThreadResolver, set_resolver};
use gevent::socket::*;
use gevent::threadpool::{HubExt, ThreadPool};
use gevent::{Exception, GreenletExit, Timeout, get_hub, joinall, run_in_thread, sleep, spawn};

use support::{TestResult, bounded, outer_timeout_is_not_lost};

fn code(error: io::Error) -> Option<i32> {
    Exception::from(error)
        .downcast_ref::<GaiError>()
        .map(|error| error.code)
}

/// The names and IPv4 addresses of the hosts file.
fn hosts_file() -> Vec<(String, String)> {
    let text = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let pairs = lines.flat_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next().unwrap_or_default().to_owned();
        words.map(move |name| (name.to_owned(), address.clone()))
    });
    pairs
        .filter(|(_, address)| address.parse::<Ipv4Addr>().is_ok())
        .collect()
}

/// A question to both, with its arguments between tabs.
fn ask(question: &str) -> String {
    let words: Vec<_> = question.split('\t').collect();
    let answered = match &words[..] {
        ["getaddrinfo", host, port, numbers @ ..] => {
            let numbers: Vec<i32> = numbers.iter().map(|number| number.parse().expect("a number")).collect();
            let settings = GetAddrInfo {
                family: numbers[0],
                type_: numbers[1],
                proto: numbers[2],
                flags: numbers[3],
            };
            let port = match port.split_at(1) {
                ("-", _) => Service::None,
                ("#", port) => Service::Port(port.parse().expect("a number")),
                (_, name) => Service::Name(name),
            };
            getaddrinfo_with(Some(*host).filter(|host| *host != "-"), port, settings).map(shown)
        }
        ["getnameinfo", host, port, flow, scope, flags] => {
            let port = port.parse().expect("a port");
            let address = match (host.parse(), flow.parse(), scope.parse()) {
                (Ok(ip), Ok(flow), Ok(scope)) => SocketAddr::V6(SocketAddrV6::new(ip, port, flow, scope)).into(),
                _ => SocketAddress::Host((*host).to_owned(), port),
            };
            getnameinfo(address, flags.parse().expect("flags")).map(|(host, port)| format!("{host} {port}"))
        }
        ["gethostbyname", host] => gethostbyname(host).map(|address| address.to_string()),
        ["gethostbyname_ex", host] => gethostbyname_ex(host).map(entry),
        ["gethostbyaddr", host] => gethostbyaddr(host).map(entry),
        ["getfqdn", host] => getfqdn(host),
        ["gethostname"] => gethostname(),
        _ => panic!("{question}"),
    };
    answered.unwrap_or_else(|error| {
        let number = error.raw_os_error();
        let exception = Exception::from(error);
        if let Some(error) = exception.downcast_ref::<GaiError>() {
            return format!("gaierror {error} {}", error.code);
        }
        if let Some(error) = exception.downcast_ref::<HError>() {
            return format!("herror {error} {}", error.code);
        }
        format!(
            "OSError {}",
            number.map_or("None".to_owned(), |number| number.to_string())
        )
    })
}

fn shown(found: Vec<AddrInfo>) -> String {
    let lines = found.iter().map(|info| {
        let (flow, scope) = match info.sockaddr {
            SocketAddr::V4(_) => (0, 0),
            SocketAddr::V6(address) => (address.flowinfo(), address.scope_id()),
        };
        let AddrInfo {
            family,
            type_,
            proto,
            canonname,
            sockaddr,
        } = info;
        format!(
            "{family} {type_} {proto} <{canonname}> {} {} {flow} {scope}",
            sockaddr.ip(),
            sockaddr.port()
        )
    });
    lines.collect::<Vec<_>>().join("; ")
}

fn entry(found: HostEntry) -> String {
    let addresses: Vec<_> = found.ipaddrlist.iter().map(IpAddr::to_string).collect();
    format!(
        "{} [{}] [{}]",
        found.hostname,
        found.aliaslist.join(" "),
        addresses.join(" ")
    )
}

/// Asks Python and us, and compares. Returns how many of the answers are no errors.
fn compare(questions: &[String]) -> Result<usize, Exception> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/resolver/resolver.py");
    let mut command = Command::new("python3");
    command
        .args(["-I", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut python = match command.spawn() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            eprintln!("SKIPPED: there is no python3 to compare with");
            return Ok(questions.len());
        }
        spawned => spawned?,
    };
    let mut input = python.stdin.take().expect("it is piped");
    let mut answers = BufReader::new(python.stdout.take().expect("it is piped")).lines();
    let mut values = 0;
    for question in questions {
        writeln!(input, "{question}")?;
        let theirs = answers.next().expect("Python has ended")?;
        let ours = ask(question);
        assert_eq!(ours, theirs, "{question:?}");
        values += usize::from(
            !["gaierror", "herror", "OSError"]
                .iter()
                .any(|error| ours.starts_with(error)),
        );
    }
    drop(input);
    python.wait()?;
    Ok(values)
}

/// Compares the functions for one host, as gevent's tests do for many.
fn compare_all(host: &str) -> TestResult {
    let questions = [
        "getaddrinfo\t{}\t=http\t0\t0\t0\t0",
        "gethostbyname\t{}",
        "gethostbyname_ex\t{}",
    ];
    compare(&questions.map(|question| question.replace("{}", host))).map(drop)
}

mod test_localhost {
    use super::*;

    #[test]
    fn test_localhost() -> TestResult {
        let _bounded = bounded();
        compare_all("localhost")?;
        compare(&["gethostbyaddr\tlocalhost".to_owned(), "getfqdn\tlocalhost".to_owned()])?;
        assert_eq!(gethostbyname("localhost")?, Ipv4Addr::LOCALHOST);
        assert_eq!(
            gethostbyname_ex("localhost")?.ipaddrlist,
            [IpAddr::from(Ipv4Addr::LOCALHOST)]
        );
        Ok(())
    }
}

#[test]
fn test_etc_hosts() -> TestResult {
    let _bounded = bounded();
    let pairs = hosts_file();
    assert!(!pairs.is_empty(), "there is no hosts file");
    for (name, address) in pairs.iter().take(10) {
        compare_all(name)?;
        compare_all(address)?;
        compare(&[
            format!("gethostbyaddr\t{address}"),
            format!("gethostbyaddr\t{name}"),
            format!("getnameinfo\t{address}\t80\t-\t-\t0"),
            format!("getfqdn\t{name}"),
        ])?;
    }
    Ok(())
}

#[test]
fn test_hostname() -> TestResult {
    compare(&["gethostname".to_owned()])?;
    // Where the hosts file has the name, so that no name server is asked.
    let name = gethostname()?;
    if hosts_file().iter().any(|(known, _)| *known == name) {
        compare_all(&name)?;
        compare(&[
            "getfqdn\t".to_owned(),
            "getfqdn\t0.0.0.0".to_owned(),
            "getfqdn\t::".to_owned(),
        ])?;
    }
    Ok(())
}

#[test]
fn test_1234() -> TestResult {
    compare_all("1.2.3.4")
}

#[test]
fn test_127001() -> TestResult {
    compare_all("127.0.0.1")?;
    compare(&["gethostbyaddr\t127.0.0.1".to_owned()]).map(drop)
}

#[test]
fn test_broadcast() -> TestResult {
    compare(&[
        "gethostbyname\t<broadcast>".to_owned(),
        "gethostbyname\t255.255.255.255".to_owned(),
    ])
    .map(drop)?;
    assert_eq!(gethostbyname("<broadcast>")?, Ipv4Addr::BROADCAST);
    Ok(())
}

mod test_getaddrinfo {
    use super::*;

    fn with(port: &str, numbers: &str) -> TestResult {
        compare(&[format!("getaddrinfo\tlocalhost\t{port}\t{numbers}")]).map(drop)
    }

    #[test]
    fn test_80() -> TestResult {
        with("#80", "0\t0\t0\t0")
    }

    #[test]
    fn test_int_string() -> TestResult {
        with("=80", "0\t0\t0\t0")
    }

    #[test]
    fn test_0() -> TestResult {
        with("#0", "0\t0\t0\t0")
    }

    #[test]
    fn test_http() -> TestResult {
        with("=http", "0\t0\t0\t0")
    }

    #[test]
    fn test1() -> TestResult {
        with("#52", "0\t1\t0\t0")
    }

    #[test]
    fn test2() -> TestResult {
        with("#53", "2\t2\t17\t0")
    }

    #[test]
    fn test_badvalue() -> TestResult {
        for family in ["255", "255000", "-1"] {
            with("-", &format!("{family}\t0\t0\t0"))?;
        }
        Ok(())
    }

    #[test]
    fn test_badtype() -> TestResult {
        with("=x", "0\t0\t0\t0")
    }

    #[test]
    fn test_enums() -> TestResult {
        let wanted = GetAddrInfo::default()
            .family(AF_INET)
            .type_(SOCK_STREAM)
            .proto(IPPROTO_TCP);
        let found = getaddrinfo_with("127.0.0.1", 80, wanted)?;
        let first = &found[0];
        assert_eq!(
            (first.family, first.type_, first.proto),
            (AF_INET, SOCK_STREAM, IPPROTO_TCP)
        );
        assert_eq!(first.sockaddr, SocketAddr::from(([127, 0, 0, 1], 80)));
        Ok(())
    }
}

mod test_getnameinfo_127001 {
    use super::*;

    fn with(port: u16, flags: i32) -> TestResult {
        compare(&[format!("getnameinfo\t127.0.0.1\t{port}\t-\t-\t{flags}")]).map(drop)
    }

    #[test]
    fn test() -> TestResult {
        with(80, 0)
    }

    #[test]
    fn test_dgram() -> TestResult {
        with(779, 0)?;
        with(779, NI_DGRAM)
    }

    #[test]
    fn test_nofqdn() -> TestResult {
        with(80, NI_NOFQDN)
    }

    #[test]
    fn test_namereqd() -> TestResult {
        with(80, NI_NAMEREQD)
    }
}

#[test]
fn test_bad_flags() -> TestResult {
    compare(&["getnameinfo\t127.0.0.1\t80\t-\t-\t55555555".to_owned()]).map(drop)
}

#[test]
fn test_port_and_host_of_getnameinfo_are_numbers() -> TestResult {
    assert_eq!(code(getnameinfo(("localhost", 80), 0).unwrap_err()), Some(EAI_NONAME));
    let error = Exception::from(getnameinfo("/a/path", 0).unwrap_err());
    assert!(error.is::<BadAddress>());
    Ok(())
}

/// Calls a test in a thread whose hub no other test has used.
fn in_a_thread(test: fn() -> TestResult) -> TestResult {
    run_in_thread(test)?.join().expect("it does not panic")
}

/// `DIFFERENTIAL=100000` tries more.
#[test]
fn random_questions_are_answered_as_python_answers_them() -> TestResult {
    const NUMBERS: [&str; 20] = [
        "-",
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "010.0.0.1",
        "1.2.3.4",
        "::1",
        "::ffff:1.2.3.4",
        "fe80::1%lo",
        "::",
        "fe80::1%1",
        "ff02::1%lo",
        "ff02::1:%lo",
        "0.0.0.0",
        "255.255.255.255",
        "2001:db8::1",
        "fe80::1",
        "1.2.3.4.",
        "::1%lo",
        "2001:db8::1%1",
    ];
    // Without the flag for numbers, these are names.
    const NO_NUMBERS: [&str; 8] = [
        "1.2.3.400",
        "name",
        "fe80::1%no-such",
        "a b",
        "::g",
        "127.0.0.1.1",
        "1.2.3.4 ",
        "fe80::1%",
    ];
    let names: Vec<String> = hosts_file().into_iter().map(|(name, _)| name).collect();
    let ports = [
        "-",
        "#0",
        "#80",
        "#65535",
        "#65536",
        "#-1",
        "=80",
        "=http",
        "=domain",
        "=no-such-service",
        "=0x50",
        "=65536",
        "=-1",
        "=8 0",
        "=",
    ];
    let mut state = 1_u64;
    let mut below = move |n: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    };
    let flags = [
        AI_PASSIVE,
        AI_CANONNAME,
        AI_NUMERICHOST,
        AI_NUMERICSERV,
        AI_V4MAPPED,
        AI_ALL,
        AI_ADDRCONFIG,
        1 << 20,
    ];
    let count = std::env::var("DIFFERENTIAL")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1000);
    let mut questions = Vec::new();
    while questions.len() < count {
        let mut flags = match below(3) {
            0 => 0,
            1 => flags[below(flags.len() - 1)],
            _ => flags[below(flags.len())] | flags[below(flags.len())],
        };
        let mut family = [0, 0, AF_INET, AF_INET6, 77][below(5)];
        let host = match below(4) {
            0 => {
                // The hosts file has addresses of IPv4; others would be asked for elsewhere.
                family = [0, AF_INET][below(2)];
                names.get(below(names.len().max(1))).map_or("-", String::as_str)
            }
            1 => {
                flags |= AI_NUMERICHOST;
                NO_NUMBERS[below(NO_NUMBERS.len())]
            }
            _ => NUMBERS[below(NUMBERS.len())],
        };
        if host.ends_with(['.', ':']) || host.contains(":%") {
            flags |= AI_NUMERICHOST;
        }
        let (type_, proto) = ([0, 0, 1, 2, 3, 5, 77][below(7)], [0, 0, 0, 6, 17, 1, 132, 99][below(8)]);
        let port = ports[below(ports.len())];
        questions.push(format!(
            "getaddrinfo\t{host}\t{port}\t{family}\t{type_}\t{proto}\t{flags}"
        ));
        let flags = [0, NI_DGRAM, NI_NUMERICSERV, NI_NOFQDN][below(4)] | NI_NUMERICHOST;
        let ip = ["127.0.0.1", "::1", "fe80::1", "1.2.3.4", "name", "127.1"][below(6)];
        let scope = below(3);
        let flow = ["-", "0", "7"][below(3)];
        let port = [0, 22, 53, 80, 443, 65535, 40000][below(7)];
        questions.push(format!("getnameinfo\t{ip}\t{port}\t{flow}\t{scope}\t{flags}"));
        let host = [
            "",
            "127.0.0.1",
            "127.1",
            "0.0.0.0",
            "<broadcast>",
            "255.255.255.255",
            "localhost",
        ][below(7)];
        questions.push(format!("gethostbyname\t{host}"));
    }
    let mut values = 0;
    for some in questions.chunks(1000) {
        let _bounded = bounded();
        values += compare(some)?;
    }
    assert!(values > count / 2, "most have failed: {values}");
    Ok(())
}

#[test]
fn numbers_need_no_thread() -> TestResult {
    in_a_thread(|| {
        let hub = get_hub();
        getaddrinfo("127.0.0.1", 80)?;
        getaddrinfo("fe80::1%lo", "80")?;
        getaddrinfo(None, 80)?;
        gethostbyname("127.1")?;
        getnameinfo(("::1", 80), NI_NUMERICHOST | NI_NUMERICSERV)?;
        assert_eq!(
            code(getaddrinfo_with("name", 80, GetAddrInfo::default().flags(AI_NUMERICHOST)).unwrap_err()),
            Some(EAI_NONAME)
        );
        assert_eq!(hub.resolver_threadpool().size(), 0);
        // What has to be looked up is done by a thread.
        getaddrinfo("localhost", 80)?;
        getaddrinfo("127.0.0.1", "http")?;
        assert_eq!(hub.resolver_threadpool().size(), 1);
        assert_eq!(hub.threadpool().size(), 0);
        Ok(())
    })
}

#[test]
fn the_hub_gets_numbers_but_cannot_wait_for_names() -> TestResult {
    let found = Rc::new(Cell::new(0));
    let its = found.clone();
    let callback = get_hub().loop_().run_callback(move || {
        let error = Exception::from(getaddrinfo("localhost", 80).unwrap_err());
        assert!(error.is::<BlockingSwitchOutError>(), "{error}");
        its.set(getaddrinfo("127.0.0.1", 80).expect("it is a number").len());
    })?;
    sleep(0)?;
    assert!(!callback.pending());
    assert!(found.get() > 0);
    Ok(())
}

#[test]
fn scopes_are_kept() -> TestResult {
    let scope = |host: &str| {
        let found = getaddrinfo(host, 80)?;
        match found[0].sockaddr {
            SocketAddr::V6(address) => Ok::<_, io::Error>(address.scope_id()),
            SocketAddr::V4(address) => panic!("{address}"),
        }
    };
    let lo = scope("fe80::1%lo")?;
    assert!(lo > 0);
    assert_eq!(scope(&format!("fe80::1%{lo}"))?, lo);
    assert_eq!(scope("fe80::1")?, 0);
    // Also in an address to connect to or to listen at, though nobody has this one.
    let error = Exception::from(TcpListener::bind("[fe80::dead%lo]:0").unwrap_err());
    let error = error.downcast_ref::<AddressError>().expect("it is an address");
    assert_eq!(
        error.address,
        SocketAddr::V6(SocketAddrV6::new("fe80::dead".parse().expect("IPv6"), 0, 0, lo))
    );
    Ok(())
}

#[test]
fn errors_keep_their_type() -> TestResult {
    let error = getaddrinfo("127.0.0.1", "no-such-service").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let error = Exception::from(error);
    let inside = error.downcast_ref::<GaiError>().expect("it is an error of a look-up");
    assert_eq!(inside.code, EAI_SERVICE);
    assert_eq!(
        error.to_string(),
        format!("[Errno {EAI_SERVICE}] Servname not supported for ai_socktype")
    );
    let error = TcpStream::connect("localhost:no-such-service").unwrap_err();
    assert_eq!(
        error.to_string(),
        "localhost:no-such-service: Servname not supported for ai_socktype"
    );
    assert_eq!(code(error), Some(EAI_SERVICE));
    let error = create_connection("localhost:no-such-service").unwrap_err();
    assert_eq!(code(error), Some(EAI_SERVICE));
    let nul = Exception::from(getaddrinfo("a\0b", 80).unwrap_err());
    assert_eq!(
        nul.downcast_ref::<BadAddress>(),
        Some(&BadAddress::Nul("a\0b".to_owned()))
    );
    for bad in ["no port", "localhost:", "localhost:65536", "localhost:-1"] {
        let error = TcpStream::connect(bad).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{bad}: {error}");
        assert!(error.to_string().starts_with(bad), "{error}");
    }
    Ok(())
}

#[test]
fn services_have_names_in_addresses() -> TestResult {
    // A port below 1024 may be refused, but not the name.
    match TcpListener::bind("127.0.0.1:http") {
        Ok(listener) => assert_eq!(listener.local_addr()?.port(), 80),
        Err(error) => {
            let error = Exception::from(error);
            let inside = error.downcast_ref::<AddressError>().expect("the name is known");
            assert_eq!(inside.address.port(), 80);
        }
    }
    Ok(())
}

#[test]
fn a_thousand_at_once() -> TestResult {
    let _bounded = bounded();
    let all: Vec<_> = (0..1000)
        .map(|i| spawn(move || Ok(getaddrinfo("localhost", i)?[0].sockaddr)))
        .collect();
    joinall(&all)?;
    for (i, found) in all.iter().enumerate() {
        assert_eq!(found.get()?, SocketAddr::from(([127, 0, 0, 1], i as u16)));
    }
    let pool = get_hub().resolver_threadpool();
    assert!(pool.size() <= pool.maxsize());
    pool.join()
}

#[test]
fn long_tasks_in_the_hubs_pool_delay_no_look_up() -> TestResult {
    let _bounded = bounded();
    let (ends, told) = channel::<()>();
    let told = std::sync::Arc::new(std::sync::Mutex::new(told));
    let pool = get_hub().threadpool();
    let tasks = (0..10).map(|_| {
        let told = told.clone();
        pool.spawn(move || told.lock().map(|told| told.recv().is_err()).unwrap_or(true))
    });
    let tasks = tasks.collect::<Result<Vec<_>, _>>()?;
    assert_eq!(pool.size(), 10);
    // All threads of the pool are busy until these are answered.
    let found: Vec<_> = (0..20).map(|_| spawn(|| Ok(gethostbyname("localhost")?))).collect();
    joinall(&found)?;
    assert!(tasks.iter().all(|task| !task.ready()));
    drop(ends);
    for task in tasks {
        assert!(task.get()?);
    }
    Ok(())
}

#[test]
fn kills_and_timeouts_end_a_look_up_and_leave_nothing() -> TestResult {
    let _bounded = bounded();
    let pool = ThreadPool::new(1);
    get_hub().set_resolver_threadpool(pool.clone());
    let (ends, told) = channel::<()>();
    let busy = pool.spawn(move || told.recv().is_err())?;
    let calls: [fn() -> io::Result<()>; 6] = [
        || getaddrinfo("localhost", 80).map(drop),
        || gethostbyname("localhost").map(drop),
        || gethostbyname_ex("localhost").map(drop),
        || gethostbyaddr("127.0.0.1").map(drop),
        || getnameinfo(("127.0.0.1", 80), 0).map(drop),
        // The error of the look-up is no error of this function, but what is thrown is.
        || getfqdn("localhost").map(drop),
    ];
    // Only one more look-up fits into the pool; the others wait for their place.
    for call in calls {
        outer_timeout_is_not_lost(|_| Ok(call()?));
        let greenlet = spawn(move || Ok(call()?));
        sleep(0)?;
        greenlet.kill()?;
        assert!(greenlet.get().unwrap_err().is::<GreenletExit>());
    }
    drop(ends);
    assert!(busy.get()?);
    pool.join()?;
    assert!(pool.is_empty());
    assert_eq!(gethostbyname("localhost")?, Ipv4Addr::LOCALHOST);
    Ok(())
}

#[test]
fn test_returns_none_after_timeout() -> TestResult {
    let _bounded = bounded();
    // gevent's test of an interrupted gethostbyname, with a name that is known here.
    let timeout = Timeout::new(0.02);
    let ended = timeout.silent(|| -> TestResult {
        loop {
            gethostbyname("localhost")?;
        }
    })?;
    assert!(ended.is_none());
    get_hub().resolver_threadpool().join()
}

/// Knows one name, and counts what it is asked.
#[derive(Default)]
struct Own {
    asked: Cell<usize>,
    closed: Rc<Cell<bool>>,
}

impl Resolver for Own {
    fn getaddrinfo(&self, host: Option<&str>, port: Service<'_>, settings: GetAddrInfo) -> io::Result<Vec<AddrInfo>> {
        self.asked.set(self.asked.get() + 1);
        sleep(0)?;
        match host {
            Some("known.example") => ThreadResolver.getaddrinfo(Some("127.0.0.1"), port, settings),
            Some("empty.example") => Ok(Vec::new()),
            _ => Err(GaiError::new(EAI_AGAIN).into()),
        }
    }

    fn gethostbyaddr(&self, _ip_address: &str) -> io::Result<HostEntry> {
        Err(HError::new(HOST_NOT_FOUND).into())
    }

    fn getnameinfo(&self, sockaddr: SocketAddr, _flags: i32) -> io::Result<(String, String)> {
        Ok(("known.example".to_owned(), sockaddr.port().to_string()))
    }

    fn close(&self) {
        self.closed.set(true);
    }
}

#[test]
fn a_hub_has_the_resolver_that_it_is_given() -> TestResult {
    in_a_thread(|| {
        let own = Rc::new(Own::default());
        get_hub().set_resolver(own.clone());
        // All that looks names up asks it.
        let listener = TcpListener::bind("known.example:0")?;
        let port = listener.local_addr()?.port();
        let _client = TcpStream::connect(("known.example", port))?;
        let socket = Socket::new(AF_INET, SOCK_STREAM, 0)?;
        socket.connect(("known.example", port))?;
        let _client = create_connection(("known.example", port))?;
        assert_eq!(own.asked.get(), 4);
        // Numbers need not be looked up.
        let _client = TcpStream::connect(("127.0.0.1", port))?;
        assert_eq!(own.asked.get(), 4);
        // The provided functions ask the one that is there.
        assert_eq!(gethostbyname("known.example")?, Ipv4Addr::LOCALHOST);
        let found = gethostbyname_ex("known.example")?;
        assert_eq!(found.ipaddrlist, [IpAddr::from(Ipv4Addr::LOCALHOST)]);
        assert_eq!(
            getnameinfo(("127.0.0.1", 9), 0)?,
            ("known.example".to_owned(), "9".to_owned())
        );
        assert_eq!(getfqdn("other")?, "other");
        // One that finds nothing has not kept its promise.
        let none = Socket::new(AF_INET, SOCK_STREAM, 0)?.connect(("empty.example", port));
        assert_eq!(code(none.unwrap_err()), Some(EAI_NONAME));
        let error = TcpStream::connect("other.example:1").unwrap_err();
        assert!(error.to_string().starts_with("other.example:1: "), "{error}");
        assert_eq!(code(error), Some(EAI_AGAIN));
        let error = Exception::from(gethostbyaddr("other").unwrap_err());
        assert_eq!(error.downcast_ref::<HError>().map(HError::text), Some("Unknown host"));
        Ok(())
    })
}

#[test]
fn a_resolver_is_closed_with_its_hub() {
    let closed = std::thread::spawn(|| {
        let (kept, replaced) = (Rc::new(Own::default()), Rc::new(Own::default()));
        let (closed, other) = (kept.closed.clone(), replaced.closed.clone());
        let ended = gevent::run(move || {
            get_hub().set_resolver(replaced);
            get_hub().set_resolver(kept);
            assert!(get_hub().resolver().gethostbyaddr("x").is_err());
        });
        ended.expect("nothing fails");
        (closed.get(), other.get())
    });
    assert_eq!(closed.join().expect("it does not panic"), (true, false));
}

#[test]
fn the_blocking_resolver_lets_no_other_greenlet_run() -> TestResult {
    in_a_thread(|| {
        get_hub().set_resolver(Rc::new(BlockingResolver));
        let other = spawn(|| ());
        assert_eq!(gethostbyname("localhost")?, Ipv4Addr::LOCALHOST);
        assert_eq!(gethostbyname_ex("localhost")?.hostname, "localhost");
        assert!(!getaddrinfo("localhost", "http")?.is_empty());
        gethostbyaddr("127.0.0.1")?;
        getnameinfo(("127.0.0.1", 80), 0)?;
        assert!(!other.ready());
        assert_eq!(get_hub().resolver_threadpool().size(), 0);
        Ok(())
    })
}

#[test]
fn resolvers_have_names() {
    assert_eq!(set_resolver("no,such"), Err(UnknownResolver("no,such".to_owned())));
    assert_eq!(set_resolver("ares, thread"), Ok(()));
}

//! What is found.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use gevent::resolver::{DnsConfig, HOST_NOT_FOUND};
use gevent::socket::*;
use gevent::threadpool::HubExt;
use gevent::{Exception, get_hub};
use hickory_proto::rr::RecordType;

use crate::server::{Said, Server, cut, reply_to};
use crate::support::{TestResult, bounded};
use crate::{ask, code, config, use_config};

fn stream() -> GetAddrInfo {
    GetAddrInfo::default().type_(SOCK_STREAM)
}

fn found(host: &str, settings: GetAddrInfo) -> Result<Vec<String>, Exception> {
    let found = getaddrinfo_with(host, 80, settings)?;
    Ok(found.iter().map(|info| info.sockaddr.to_string()).collect())
}

#[test]
fn addresses_of_both_families() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    ask(&server);
    let mut both = found("www.example.test", stream())?;
    both.sort();
    assert_eq!(both, ["192.0.2.1:80", "[2001:db8::1]:80"]);
    let mut asked: Vec<_> = server
        .take()
        .iter()
        .map(|asked| (asked.name.clone(), asked.type_))
        .collect();
    asked.sort();
    let name = || "www.example.test.".to_owned();
    assert_eq!(asked, [(name(), RecordType::A), (name(), RecordType::AAAA)]);
    assert_eq!(found("www.example.test", stream().family(AF_INET))?, ["192.0.2.1:80"]);
    assert_eq!(
        found("www.example.test", stream().family(AF_INET6))?,
        ["[2001:db8::1]:80"]
    );
    assert_eq!(found("v4.example.test", stream())?, ["192.0.2.4:80"]);
    assert_eq!(found("v6.example.test", stream())?, ["[2001:db8::6]:80"]);
    assert_eq!(gethostbyname("WWW.Example.TEST")?, Ipv4Addr::new(192, 0, 2, 1));
    // All types and protocols, as the system has them, and names of services.
    let all = getaddrinfo("v4.example.test", "http")?;
    let numeric = getaddrinfo("192.0.2.4", "http")?;
    assert_eq!(all, numeric);
    // In Unicode.
    assert_eq!(found("bücher.example.test", stream())?, ["192.0.2.11:80"]);
    Ok(())
}

#[test]
fn wanted_families_that_are_not_there() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    ask(&server);
    assert_eq!(code(found_io("v4.example.test", stream().family(AF_INET6))), EAI_NODATA);
    assert_eq!(code(found_io("nothing.example.test", stream())), EAI_NONAME);
    assert_eq!(code(gethostbyname("v6.example.test")), EAI_NODATA);
    let mapped = stream().family(AF_INET6).flags(AI_V4MAPPED);
    assert_eq!(found("v4.example.test", mapped)?, ["[::ffff:192.0.2.4]:80"]);
    assert_eq!(found("www.example.test", mapped)?, ["[2001:db8::1]:80"]);
    let all = found("www.example.test", mapped.flags(AI_V4MAPPED | AI_ALL))?;
    assert_eq!(all, ["[2001:db8::1]:80", "[::ffff:192.0.2.1]:80"]);
    Ok(())
}

fn found_io(host: &str, settings: GetAddrInfo) -> std::io::Result<Vec<AddrInfo>> {
    getaddrinfo_with(host, 80, settings)
}

#[test]
fn bad_settings_and_numbers_ask_nobody() -> TestResult {
    let server = Server::new();
    ask(&server);
    assert_eq!(code(found_io("www.example.test", stream().family(77))), EAI_FAMILY);
    assert_eq!(
        code(found_io("www.example.test", GetAddrInfo::default().type_(77))),
        EAI_SOCKTYPE
    );
    assert_eq!(code(getaddrinfo("www.example.test", "no-such-service")), EAI_SERVICE);
    assert_eq!(
        code(found_io("www.example.test", stream().flags(AI_NUMERICHOST))),
        EAI_NONAME
    );
    for bad in [".", "..", "a..b", &"x".repeat(64), &"x.".repeat(200)] {
        assert_eq!(code(found_io(bad, stream())), EAI_NONAME, "{bad}");
    }
    found("127.0.0.1", stream())?;
    found("fe80::1%lo", stream())?;
    assert_eq!(gethostbyname("127.1")?, Ipv4Addr::LOCALHOST);
    assert_eq!(gethostbyname("<broadcast>")?, Ipv4Addr::BROADCAST);
    assert_eq!(gethostbyname("")?, Ipv4Addr::UNSPECIFIED);
    // The name of this machine for itself is asked of nobody, even if the hosts file lacks it.
    assert_eq!(gethostbyname("localhost")?, Ipv4Addr::LOCALHOST);
    assert_eq!(found("any.localhost", stream().family(AF_INET6))?, ["[::1]:80"]);
    assert_eq!(server.count(), 0);
    Ok(())
}

#[test]
fn names_that_stand_for_names() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    ask(&server);
    let entry = gethostbyname_ex("alias.example.test")?;
    assert_eq!(entry.hostname, "www.example.test");
    assert_eq!(entry.aliaslist, ["alias.example.test", "second.example.test"]);
    assert_eq!(entry.ipaddrlist, [IpAddr::from([192, 0, 2, 1])]);
    assert_eq!(server.take().len(), 1);
    let canonical = getaddrinfo_with("alias.example.test", 80, stream().family(AF_INET).flags(AI_CANONNAME))?;
    assert_eq!(canonical[0].canonname, "www.example.test");
    assert_eq!(canonical[0].sockaddr.to_string(), "192.0.2.1:80");
    assert_eq!(server.take().len(), 0);
    // The server has told only the name, so its data are asked for.
    assert_eq!(gethostbyname("far.example.test")?, Ipv4Addr::new(192, 0, 2, 4));
    let asked: Vec<_> = server.take().into_iter().map(|asked| asked.name).collect();
    assert_eq!(asked, ["far.example.test.", "v4.example.test."]);
    Ok(())
}

#[test]
fn endless_rows_of_names_end() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    ask(&server);
    for name in ["loop", "far-loop", "self", "chain-0"] {
        let name = format!("{name}.example.test");
        assert_eq!(code(gethostbyname(&name)), EAI_FAIL, "{name}");
        assert!(server.take().len() < 20, "{name}");
    }
    Ok(())
}

#[test]
fn names_of_addresses() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    ask(&server);
    let entry = gethostbyaddr("192.0.2.1")?;
    assert_eq!(entry.hostname, "www.example.test");
    assert_eq!(entry.ipaddrlist, [IpAddr::from([192, 0, 2, 1])]);
    assert_eq!(
        getnameinfo(("192.0.2.1", 80), 0)?,
        ("www.example.test".to_owned(), "http".to_owned())
    );
    assert_eq!(getfqdn("192.0.2.1")?, "www.example.test");
    let numeric = getnameinfo(("192.0.2.1", 80), NI_NUMERICHOST | NI_NUMERICSERV)?;
    assert_eq!(numeric, ("192.0.2.1".to_owned(), "80".to_owned()));
    // One that has no name.
    let error = Exception::from(gethostbyaddr("192.0.2.77").unwrap_err());
    assert_eq!(
        error.downcast_ref::<HError>().map(|error| error.code),
        Some(HOST_NOT_FOUND)
    );
    assert_eq!(
        getnameinfo(("192.0.2.77", 1), NI_NUMERICSERV)?,
        ("192.0.2.77".to_owned(), "1".to_owned())
    );
    assert_eq!(code(getnameinfo(("192.0.2.77", 1), NI_NAMEREQD)), EAI_NONAME);
    let error = Exception::from(gethostbyaddr("2001:db8::77").unwrap_err());
    assert_eq!(
        error.downcast_ref::<HError>().map(|error| error.code),
        Some(HOST_NOT_FOUND)
    );
    let asked = server.take().pop().expect("it was asked");
    assert!(asked.name.ends_with("8.b.d.0.1.0.0.2.ip6.arpa."), "{}", asked.name);
    // Without the domain, if it is this machine's.
    let mut own = config(&[server.address]);
    own.search = vec!["example.test".to_owned()];
    use_config(own);
    assert_eq!(getnameinfo(("192.0.2.1", 80), NI_NOFQDN)?.0, "www");
    Ok(())
}

#[test]
fn names_are_searched_in_domains() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    let mut searching = config(&[server.address]);
    searching.search = vec!["nothing.test".to_owned(), "example.test".to_owned()];
    use_config(searching.clone());
    let asked = |host: &str| {
        let found = gethostbyname(host).map_err(Exception::from);
        let asked: Vec<_> = server.take().into_iter().map(|asked| asked.name).collect();
        (found.is_ok(), asked)
    };
    let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(asked("v4"), (true, all(&["v4.nothing.test.", "v4.example.test."])));
    // What has a dot is looked up as it is first, and what ends with one is that name and no other.
    assert_eq!(
        asked("no.v4"),
        (false, all(&["no.v4.", "no.v4.nothing.test.", "no.v4.example.test."]))
    );
    assert_eq!(asked("no."), (false, all(&["no."])));
    assert_eq!(asked("v4.example.test."), (true, all(&[])));
    searching.ndots = 3;
    use_config(searching);
    assert_eq!(
        asked("v4.x"),
        (false, all(&["v4.x.nothing.test.", "v4.x.example.test.", "v4.x."]))
    );
    Ok(())
}

#[test]
fn what_does_not_fit_into_a_datagram_comes_by_tcp() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    ask(&server);
    assert_eq!(found("big.example.test", stream().family(AF_INET))?.len(), 100);
    let asked: Vec<_> = server.take().iter().map(|asked| asked.by_tcp).collect();
    assert_eq!(asked, [false, true]);
    let mut by_tcp = config(&[server.address]);
    by_tcp.use_tcp = true;
    use_config(by_tcp);
    gethostbyname("v4.example.test")?;
    let asked: Vec<_> = server.take().iter().map(|asked| asked.by_tcp).collect();
    assert_eq!(asked, [true]);
    // A datagram may also be cut in the midst of a record.
    let server = Server::with(|_, truth| {
        let mut bytes = truth.to_vec().expect("it is a message");
        bytes.truncate(500);
        bytes[2] |= 2;
        vec![Said::bytes(bytes)]
    });
    ask(&server);
    assert_eq!(found("big.example.test", stream().family(AF_INET))?.len(), 100);
    Ok(())
}

#[test]
fn the_hosts_file_comes_first() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    let path = std::env::temp_dir().join(format!("gevent-hosts-{}", std::process::id()));
    let write = |text: &str| std::fs::File::create(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    write(
        "# hosts\n192.0.2.50 box box.example.test # mine\n2001:db8::50 BOX\n192.0.2.51\tbox\nfe80::1%lo scoped\nbad line\n",
    )?;
    let mut with_hosts = config(&[server.address]);
    with_hosts.hosts = Some(path.clone());
    use_config(with_hosts);
    assert_eq!(
        found("box", stream())?,
        ["192.0.2.50:80", "[2001:db8::50]:80", "192.0.2.51:80"]
    );
    assert_eq!(found("Box.", stream().family(AF_INET6))?, ["[2001:db8::50]:80"]);
    let entry = gethostbyname_ex("box.example.test")?;
    assert_eq!(
        (entry.hostname.as_str(), entry.aliaslist),
        ("box", vec!["box.example.test".to_owned()])
    );
    assert_eq!(gethostbyaddr("192.0.2.50")?.hostname, "box");
    assert_eq!(getnameinfo(("2001:db8::50", 80), 0)?.0, "BOX");
    assert_eq!(server.count(), 0);
    // A new version of the file counts at once.
    write("192.0.2.60 other\n")?;
    assert_eq!(gethostbyname("other")?, Ipv4Addr::new(192, 0, 2, 60));
    assert_eq!(code(gethostbyname("box")), EAI_NONAME);
    std::fs::remove_file(&path)?;
    assert_eq!(code(gethostbyname("other")), EAI_NONAME);
    Ok(())
}

#[test]
fn whoever_connects_to_a_name_asks() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    ask(&server);
    let listener = TcpListener::bind("local.example.test:0")?;
    let port = listener.local_addr()?.port();
    let client = TcpStream::connect(("local.example.test", port))?;
    assert_eq!(listener.accept()?.1, client.local_addr()?);
    let error = TcpStream::connect("nothing.example.test:1").unwrap_err();
    assert!(error.to_string().starts_with("nothing.example.test:1: "), "{error}");
    assert_eq!(code::<()>(Err(error)), EAI_NONAME);
    // None of this needs threads.
    assert_eq!(get_hub().resolver_threadpool().size(), 0);
    assert_eq!(get_hub().threadpool().size(), 0);
    Ok(())
}

#[test]
fn settings_are_those_of_resolv_conf() -> TestResult {
    let parsed = DnsConfig::parse(
        "; comment\nnameserver 192.0.2.1 # the first\nnameserver\t2001:db8::1\nnameserver fe80::1%lo\n\
         nameserver 127.0.0.1:5353\nnameserver nonsense\ndomain first.test\nsearch a.test  b.test\n\
         options ndots:2 timeout:3 attempts:4 rotate use-vc unknown timeout:x\nsortlist x\n",
    );
    let servers: Vec<_> = parsed.nameservers.iter().map(ToString::to_string).collect();
    assert_eq!(servers[..2], ["192.0.2.1:53", "[2001:db8::1]:53"]);
    assert!(servers[2].starts_with("[fe80::1%") && servers[3] == "127.0.0.1:5353" && servers.len() == 4);
    assert_eq!(parsed.search, ["a.test", "b.test"]);
    assert_eq!(
        (parsed.ndots, parsed.attempts, parsed.rotate, parsed.use_tcp),
        (2, 4, true, true)
    );
    assert_eq!(parsed.timeout.to_bits(), 3_f64.to_bits());
    let limited = DnsConfig::parse("options ndots:99 timeout:99 attempts:99\ndomain one.test two.test");
    assert_eq!((limited.ndots, limited.attempts), (15, 5));
    assert_eq!(limited.search, ["one.test"]);
    assert_eq!(DnsConfig::parse(""), DnsConfig::default());
    assert!(!DnsConfig::system().nameservers.is_empty());
    Ok(())
}

#[test]
fn the_resolver_has_a_name() -> TestResult {
    gevent::resolver::set_resolver("dns")?;
    let asked = std::thread::spawn(|| {
        let found = gethostbyname("localhost").expect("it needs no server");
        (found, get_hub().resolver_threadpool().size())
    });
    assert_eq!(asked.join().expect("it does not panic"), (Ipv4Addr::LOCALHOST, 0));
    Ok(())
}

/// The tests' server is a right one: dig understands it.
#[test]
fn dig_finds_the_same() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    let port = server.address.port();
    let dig = move |words: &'static [&'static str]| {
        get_hub().threadpool().apply(move || {
            let mut command = Command::new("dig");
            command
                .args(["@127.0.0.1", "-p", &port.to_string(), "+short", "+noedns"])
                .args(words);
            Ok(command.output())
        })
    };
    let names: [&'static [&'static str]; 6] = [
        &["www.example.test", "A"],
        &["www.example.test", "AAAA"],
        &["alias.example.test", "A"],
        &["big.example.test", "A"],
        &["nothing.example.test", "A"],
        &["-x", "192.0.2.1"],
    ];
    let mut answers = Vec::new();
    for words in names {
        match dig(words)? {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("SKIPPED: there is no dig");
                return Ok(());
            }
            output => answers.push(String::from_utf8_lossy(&output?.stdout).into_owned()),
        }
    }
    ask(&server);
    assert_eq!(answers[0].trim(), gethostbyname("www.example.test")?.to_string());
    assert_eq!(answers[1].trim(), "2001:db8::1");
    assert!(
        answers[2].contains("second.example.test.\n") && answers[2].contains("192.0.2.1\n"),
        "{}",
        answers[2]
    );
    assert_eq!(
        answers[3].lines().count(),
        gethostbyname_ex("big.example.test")?.ipaddrlist.len()
    );
    assert_eq!(answers[4].trim(), "");
    assert_eq!(answers[5].trim(), "www.example.test.");
    Ok(())
}

#[test]
fn servers_that_refuse_are_not_asked_again() -> TestResult {
    let _bounded = bounded();
    for refusal in [2, 4, 5, 1] {
        let refusing = Server::with(move |_, truth| {
            let mut reply = reply_to(truth);
            if refusal == 1 {
                reply.queries.clear();
            }
            reply.metadata.response_code = hickory_proto::op::ResponseCode::from(0, refusal);
            vec![Said::now(&reply)]
        });
        ask(&refusing);
        assert_eq!(code(gethostbyname("v4.example.test")), EAI_AGAIN);
        assert_eq!(refusing.take().len(), 1);
        let good = Server::with(|_, truth| vec![Said::now(&cut(truth))]);
        use_config(config(&[refusing.address, good.address]));
        assert_eq!(gethostbyname("v4.example.test")?, Ipv4Addr::new(192, 0, 2, 4));
        assert_eq!((refusing.take().len(), good.take().len()), (1, 1));
    }
    Ok(())
}

//! Servers that answer late or never, many look-ups at once, and look-ups that are interrupted.

use std::net::Ipv4Addr;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use gevent::exceptions::BlockingSwitchOutError;
use gevent::resolver::TRY_AGAIN;
use gevent::socket::{EAI_AGAIN, HError, UdpSocket, getaddrinfo, gethostbyaddr, gethostbyname, getnameinfo};
use gevent::threadpool::HubExt;
use gevent::{Exception, GreenletExit, get_hub, joinall, sleep, spawn};

use crate::server::{Said, Server};
use crate::support::{TestResult, bounded, outer_timeout_is_not_lost};
use crate::{ask, code, config, use_config};

const V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 4);

#[test]
fn a_server_that_never_answers() -> TestResult {
    let _bounded = bounded();
    let silent = Server::with(|_, _| Vec::new());
    let mut quick = config(&[silent.address]);
    (quick.timeout, quick.attempts) = (0.02, 3);
    use_config(quick.clone());
    let begin = Instant::now();
    assert_eq!(code(gethostbyname("v4.example.test")), EAI_AGAIN);
    assert!(begin.elapsed().as_secs_f64() >= 0.06);
    assert_eq!(silent.take().len(), 3);
    let error = Exception::from(gethostbyaddr("192.0.2.1").unwrap_err());
    assert_eq!(error.downcast_ref::<HError>().map(|error| error.code), Some(TRY_AGAIN));
    assert_eq!(code(getnameinfo(("192.0.2.1", 80), 0)), EAI_AGAIN);
    silent.take();
    // The next one is asked when its time is over.
    let good = Server::new();
    quick.nameservers.push(good.address);
    quick.timeout = 0.2;
    use_config(quick);
    assert_eq!(gethostbyname("v4.example.test")?, V4);
    assert_eq!((silent.take().len(), good.take().len()), (1, 1));
    Ok(())
}

#[test]
fn a_server_that_answers_late() -> TestResult {
    let _bounded = bounded();
    // The first answer comes when the second question has been asked; it is late, and wrong by then.
    let server = Server::with(|number, truth| {
        let mut said = Said::now(truth);
        said.after = if number == 0 { 0.15 } else { 0.0 };
        vec![said]
    });
    let mut quick = config(&[server.address]);
    quick.timeout = 0.1;
    use_config(quick);
    assert_eq!(gethostbyname("v4.example.test")?, V4);
    let asked = server.take();
    assert_eq!(asked.len(), 2);
    assert_ne!(asked[0].from, asked[1].from);
    // Meanwhile others run, and the late answer disturbs nobody.
    sleep(0.2)?;
    assert_eq!(gethostbyname("n-1.example.test")?, Ipv4Addr::new(10, 0, 0, 1));
    Ok(())
}

#[test]
fn a_server_that_is_not_there() -> TestResult {
    let _bounded = bounded();
    // Nobody receives at this port, and the system says so: the next server is asked at once.
    let taken = UdpSocket::bind("127.0.0.1:0")?;
    let nobody = taken.local_addr()?;
    taken.close();
    let good = Server::new();
    let mut slow = config(&[nobody, good.address]);
    slow.timeout = 1000.0;
    use_config(slow.clone());
    assert_eq!(gethostbyname("v4.example.test")?, V4);
    slow.nameservers = vec![nobody];
    use_config(slow.clone());
    assert_eq!(code(gethostbyname("v4.example.test")), EAI_AGAIN);
    slow.use_tcp = true;
    use_config(slow);
    assert_eq!(code(gethostbyname("v4.example.test")), EAI_AGAIN);
    Ok(())
}

#[test]
fn servers_take_turns() -> TestResult {
    let _bounded = bounded();
    let (first, second) = (Server::new(), Server::new());
    let mut rotating = config(&[first.address, second.address]);
    for i in 0..4 {
        rotating.rotate = false;
        use_config(rotating.clone());
        gethostbyname(&format!("n-{i}.example.test"))?;
    }
    assert_eq!((first.take().len(), second.take().len()), (4, 0));
    rotating.rotate = true;
    use_config(rotating);
    for i in 0..4 {
        gethostbyname(&format!("n-{i}.example.test"))?;
    }
    assert_eq!((first.take().len(), second.take().len()), (2, 2));
    Ok(())
}

#[test]
fn a_thousand_at_once() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    let mut limited = config(&[server.address]);
    limited.max_queries = 50;
    use_config(limited);
    let all: Vec<_> = (0..1000_u16)
        .map(|i| spawn(move || Ok(gethostbyname(&format!("n-{i}.example.test"))?)))
        .collect();
    joinall(&all)?;
    for (i, greenlet) in all.iter().enumerate() {
        let [a, b] = (i as u16).to_be_bytes();
        assert_eq!(greenlet.get()?, Ipv4Addr::new(10, 0, a, b));
    }
    assert!(server.count() >= 1000);
    Ok(())
}

#[test]
fn a_silent_server_delays_no_other_greenlet() -> TestResult {
    let _bounded = bounded();
    let silent = Server::with(|_, _| Vec::new());
    ask(&silent);
    let looking = spawn(|| Ok(gethostbyname("v4.example.test")?));
    for _ in 0..100 {
        sleep(0)?;
    }
    assert!(!looking.ready());
    // Nor do long tasks in the hub's threads delay look-ups.
    let (ends, told) = channel::<()>();
    let told = Arc::new(Mutex::new(told));
    let pool = get_hub().threadpool();
    for _ in 0..10 {
        let told = told.clone();
        pool.spawn(move || told.lock().is_ok_and(|told| told.recv().is_err()))?;
    }
    let good = Server::new();
    ask(&good);
    assert_eq!(gethostbyname("v4.example.test")?, V4);
    drop(ends);
    pool.join()?;
    looking.kill()
}

#[test]
fn kills_and_timeouts_end_a_look_up() -> TestResult {
    let _bounded = bounded();
    let silent = Server::with(|_, _| Vec::new());
    let mut one = config(&[silent.address]);
    // Whoever is not interrupted waits longer than this test may.
    (one.max_queries, one.timeout) = (1, 1000.0);
    use_config(one);
    let calls: [fn() -> Result<(), Exception>; 4] = [
        // Both families are asked for, by two greenlets.
        || Ok(getaddrinfo("v4.example.test", 80).map(drop)?),
        || Ok(gethostbyname("v4.example.test").map(drop)?),
        || Ok(gethostbyaddr("192.0.2.1").map(drop)?),
        || Ok(getnameinfo(("192.0.2.1", 80), 0).map(drop)?),
    ];
    for call in calls {
        outer_timeout_is_not_lost(|_| call());
        let greenlets: Vec<_> = (0..3).map(|_| spawn(call)).collect();
        sleep(0)?;
        sleep(0)?;
        for greenlet in &greenlets {
            greenlet.kill()?;
            assert!(greenlet.get().unwrap_err().is::<GreenletExit>());
        }
    }
    // The only place is free again, and nobody is waited for.
    let good = Server::new();
    let mut one = config(&[good.address]);
    one.max_queries = 1;
    let resolver = use_config(one);
    assert_eq!(gethostbyname("v4.example.test")?, V4);
    let killed = spawn(|| gethostbyname("n-1.example.test").map(drop).map_err(Exception::from));
    sleep(0)?;
    killed.kill()?;
    assert_eq!(gethostbyname("n-1.example.test")?, Ipv4Addr::new(10, 0, 0, 1));
    assert_eq!(resolver.cached(), 2);
    Ok(())
}

#[test]
fn the_hub_cannot_wait_for_an_answer() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    ask(&server);
    let callback = get_hub().loop_().run_callback(|| {
        let error = Exception::from(gethostbyname("v4.example.test").unwrap_err());
        assert!(error.is::<BlockingSwitchOutError>(), "{error}");
        let error = Exception::from(getaddrinfo("v4.example.test", 80).unwrap_err());
        assert!(error.is::<BlockingSwitchOutError>(), "{error}");
    })?;
    while callback.pending() {
        sleep(0)?;
    }
    assert_eq!(gethostbyname("v4.example.test")?, V4);
    Ok(())
}

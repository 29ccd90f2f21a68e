//! Answers that are kept, and that are shared.

use gevent::socket::{EAI_NONAME, gethostbyname};
use gevent::{joinall, sleep, spawn};

use crate::server::{Said, Server};
use crate::support::{TestResult, bounded};
use crate::{ask, code, config, use_config};

#[test]
fn answers_are_kept_for_their_time() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    let resolver = ask(&server);
    let count = |name: &str| {
        let _ = gethostbyname(name);
        server.take().len()
    };
    assert_eq!((count("v4.example.test"), count("v4.example.test")), (1, 0));
    assert_eq!(count("V4.EXAMPLE.test"), 0);
    assert_eq!(
        (count("never-kept.example.test"), count("never-kept.example.test")),
        (1, 1)
    );
    // That there is no such name is kept, too.
    assert_eq!((count("nothing.example.test"), count("nothing.example.test")), (1, 0));
    assert_eq!(code(gethostbyname("nothing.example.test")), EAI_NONAME);
    assert_eq!(resolver.cached(), 2);
    // After its second it is asked for again.
    assert_eq!(count("soon-gone.example.test"), 1);
    while count("soon-gone.example.test") == 0 {
        sleep(0.02)?;
    }
    resolver.clear_cache();
    assert_eq!(resolver.cached(), 0);
    assert_eq!(count("v4.example.test"), 1);
    Ok(())
}

#[test]
fn the_cache_has_a_size_and_a_longest_time() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    let mut small = config(&[server.address]);
    small.cache_size = 3;
    let resolver = use_config(small.clone());
    for i in 0..10 {
        gethostbyname(&format!("n-{i}.example.test"))?;
        // This one is used again and again, so it stays.
        gethostbyname("v4.example.test")?;
    }
    assert_eq!(resolver.cached(), 3);
    let asked = server.take();
    assert_eq!(asked.iter().filter(|asked| asked.name.starts_with("v4")).count(), 1);
    gethostbyname("n-9.example.test")?;
    gethostbyname("n-8.example.test")?;
    assert_eq!(server.count(), 0);
    gethostbyname("n-7.example.test")?;
    assert_eq!(server.take().len(), 1);
    small.max_ttl = 0;
    let resolver = use_config(small.clone());
    gethostbyname("v4.example.test")?;
    assert_eq!(resolver.cached(), 0);
    (small.max_ttl, small.cache_size) = (100, 0);
    let resolver = use_config(small);
    gethostbyname("v4.example.test")?;
    assert_eq!(resolver.cached(), 0);
    Ok(())
}

#[test]
fn those_who_want_the_same_share_one_look_up() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    ask(&server);
    // Also an answer that is not kept. So many greenlets begin before anything arrives; others may begin later.
    for (name, count) in [
        ("v4.example.test", 1000),
        ("never-kept.example.test", 40),
        ("nothing.example.test", 1000),
    ] {
        let all: Vec<_> = (0..count).map(|_| spawn(move || gethostbyname(name).ok())).collect();
        joinall(&all)?;
        let first = all[0].get()?;
        for greenlet in &all {
            assert_eq!(greenlet.get()?, first);
        }
        assert_eq!(server.take().len(), 1, "{name}");
    }
    Ok(())
}

#[test]
fn if_who_looks_up_is_killed_another_one_does() -> TestResult {
    let _bounded = bounded();
    // The first question is not answered.
    let server = Server::with(|number, truth| match number {
        0 => Vec::new(),
        _ => vec![Said::now(truth)],
    });
    ask(&server);
    let all: Vec<_> = (0..3)
        .map(|_| spawn(|| Ok(gethostbyname("v4.example.test")?)))
        .collect();
    while server.count() == 0 {
        sleep(0)?;
    }
    all[0].kill()?;
    joinall(&all[1..])?;
    assert_eq!(all[1].get()?, all[2].get()?);
    assert_eq!(server.count(), 2);
    Ok(())
}

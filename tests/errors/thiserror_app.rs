//! An application with an error type of its own, made by thiserror: a cache in front of something slow.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::rc::Rc;

use gevent::timeout::TimeoutError;
use gevent::{Exception, GreenletExit, Timeout, joinall, sleep, spawn};

use crate::support::{LONG, TestResult, bounded};

#[derive(Debug, thiserror::Error)]
enum CacheError {
    #[error("no such key: {0}")]
    NoSuchKey(u32),
    #[error("the key is odd")]
    Odd(#[from] std::num::TryFromIntError),
    #[error("cannot fetch")]
    Fetch(#[from] io::Error),
    #[error(transparent)]
    Exception(#[from] Exception),
}

#[derive(Default)]
struct Cache(RefCell<HashMap<u32, i8>>);

impl Cache {
    fn get(&self, key: u32) -> Result<i8, CacheError> {
        if let Some(value) = self.0.borrow().get(&key) {
            return Ok(*value);
        }
        let value = Timeout::new(LONG).with(|| {
            sleep(0.001)?;
            Ok(Cache::fetch(key)?)
        })?;
        self.0.borrow_mut().insert(key, value);
        Ok(value)
    }

    fn fetch(key: u32) -> Result<i8, CacheError> {
        match key {
            0 => Err(CacheError::NoSuchKey(key)),
            1 => Err(io::Error::from(io::ErrorKind::ConnectionReset))?,
            _ => Ok(i8::try_from(key)?),
        }
    }
}

#[test]
fn it_works() -> Result<(), CacheError> {
    let _bounded = bounded();
    let cache = Rc::new(Cache::default());
    let all: Vec<_> = (0..4)
        .map(|key| {
            let cache = cache.clone();
            spawn(move || Ok(cache.get(key)?))
        })
        .collect();
    joinall(&all)?;
    assert!(all[0].get().unwrap_err().is::<CacheError>());
    assert!(all[1].get().unwrap_err().is::<io::Error>());
    assert_eq!((all[2].get()?, all[3].get()?), (2, 3));

    let odd = cache.get(1000).unwrap_err();
    let mut source = odd.source();
    while source.is_some_and(|e| !e.is::<std::num::TryFromIntError>()) {
        source = source.and_then(Error::source);
    }
    assert!(source.is_some(), "{odd:?}");
    Ok(())
}

#[test]
fn it_can_be_killed_and_timed_out() -> TestResult {
    let _bounded = bounded();
    let work = || -> Result<(), CacheError> { Ok(sleep(LONG)?) };
    let greenlet = spawn(move || Ok(work()?));
    sleep(0)?;
    greenlet.kill()?;
    assert!(greenlet.successful() && greenlet.get().unwrap_err().is::<GreenletExit>());

    let timeout = Timeout::new(0.001);
    let error = timeout.with(|| Ok(work()?)).unwrap_err();
    assert!(timeout.caused(&error) && error.is::<TimeoutError>());
    Ok(())
}

//! A cache that computes a value once, however many greenlets ask for it meanwhile; a failure is not kept.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gevent::event::AsyncResult;
use gevent::{Exception, joinall, sleep, spawn};

use super::common::{TestResult, ValueError, name, report_errors};

struct Cache {
    load: fn(i32) -> Result<i32, Exception>,
    entries: RefCell<BTreeMap<i32, AsyncResult<i32>>>,
}

impl Cache {
    fn get(&self, key: i32) -> Result<i32, Exception> {
        let found = self.entries.borrow().get(&key).cloned();
        let entry = found.unwrap_or_else(|| {
            let (entry, load) = (AsyncResult::new(), self.load);
            self.entries.borrow_mut().insert(key, entry.clone());
            spawn(move || load(key)).link(entry.as_link());
            entry
        });
        let value = entry.get();
        if value.as_ref().is_err_and(|error| error.is::<ValueError>()) {
            self.entries.borrow_mut().remove(&key);
        }
        value
    }
}

fn load(key: i32) -> Result<i32, Exception> {
    println!("load {key}");
    sleep(0)?;
    if key < 0 {
        return Err(ValueError("no such key").into());
    }
    Ok(key * 10)
}

fn ask(cache: &Cache, key: i32) -> Result<String, Exception> {
    match cache.get(key) {
        Err(error) if error.is::<ValueError>() => Ok(name(&error)),
        value => Ok(value?.to_string()),
    }
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let entries = RefCell::default();
    let cache = Rc::new(Cache { load, entries });
    for keys in [vec![1, 2, 1, 1], vec![1, -1, -1], vec![-1, 2]] {
        let jobs = keys.into_iter().map(|key| {
            let cache = cache.clone();
            spawn(move || ask(&cache, key))
        });
        let jobs: Vec<_> = jobs.collect();
        joinall(&jobs)?;
        println!(
            "{}",
            jobs.iter().filter_map(|job| job.value()).collect::<Vec<_>>().join(" ")
        );
    }
    println!("kept: {:?}", cache.entries.borrow().keys().collect::<Vec<_>>());
    Ok(())
}

//! A result may be set again: the value counts before the exception, the last value before the first.

use gevent::event::AsyncResult;
use gevent::{joinall, sleep, spawn};

use super::common::{TestResult, ValueError, name};

fn state(result: &AsyncResult<i32>) {
    let got = match result.get_nowait() {
        Ok(value) => value.to_string(),
        Err(error) => name(&error),
    };
    let (successful, exception) = (result.successful(), result.exception().is_some());
    println!("get: {got}, successful: {successful}, exception: {exception}");
}

pub(crate) fn main() -> TestResult {
    let result = AsyncResult::new();
    result.set_exception(ValueError("first"));
    state(&result);
    result.set(1);
    state(&result);
    result.set(2);
    state(&result);
    result.set_exception(ValueError("second"));
    state(&result);

    let second = AsyncResult::new();
    let getter = |who: i32| {
        let second = second.clone();
        move || {
            let got = second.get()?;
            println!("getter {who}: {got}");
            second.set(got + 1);
            Ok(())
        }
    };
    let greenlets: Vec<_> = (0..3).map(|i| spawn(getter(i))).collect();
    sleep(0)?;
    second.set(10);
    joinall(&greenlets)?;
    state(&second);
    Ok(())
}

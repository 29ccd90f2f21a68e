//! An exception is raised by every get, and the same one; wait returns nothing.

use gevent::event::AsyncResult;
use gevent::{Exception, joinall, sleep, spawn};

use super::common::{TestResult, ValueError, name, show};

pub(crate) fn main() -> TestResult {
    let result = AsyncResult::<i32>::new();
    let exception = Exception::new(ValueError("set"));
    let getter = |who: String| {
        let (result, exception) = (result.clone(), exception.clone());
        move || {
            if let Err(error) = result.get() {
                println!("{who}: {}, the same: {}", name(&error), error.same(&exception));
            }
        }
    };

    let greenlets: Vec<_> = (0..2).map(|i| spawn(getter(i.to_string()))).collect();
    sleep(0)?;
    result.set_exception(exception.clone());
    let (ready, successful) = (result.ready(), result.successful());
    println!(
        "ready: {ready}, successful: {successful}, value: {}",
        show(result.value())
    );
    println!(
        "exception: {}",
        result.exception().is_some_and(|error| error.same(&exception))
    );
    println!("wait: {}", show(result.wait()?));
    getter("main".to_owned())();
    joinall(&greenlets)?;
    Ok(())
}

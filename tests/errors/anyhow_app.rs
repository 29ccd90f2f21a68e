//! An application whose errors are `anyhow::Error`: it adds up the numbers that its workers fetch.

use anyhow::{Context, bail, ensure};
use gevent::exceptions::AsError;
use gevent::pool::Pool;
use gevent::queue::Queue;
use gevent::{Exception, GreenletExit, Raised, Timeout, sleep, spawn};

use crate::support::{LONG, bounded};

fn parse(text: &str) -> anyhow::Result<i64> {
    let number = text.parse::<i64>().with_context(|| format!("{text:?} is no number"))?;
    ensure!(number >= 0, "{number} is negative");
    Ok(number)
}

/// An exception becomes an anyhow error by `?`, and an anyhow error an exception by `raised`.
fn sum(texts: &'static [&'static str]) -> anyhow::Result<i64> {
    let parsed = Queue::new();
    let worker = spawn({
        let parsed = parsed.clone();
        move || {
            for text in texts {
                sleep(0)?;
                parsed.put(parse(text).raised()?)?;
            }
            Ok(())
        }
    });
    worker.get()?;
    let mut sum = 0;
    for _ in texts {
        sum += parsed.get_nowait()?;
    }
    if sum == 0 {
        bail!("nothing to add");
    }
    Ok(sum)
}

#[test]
fn it_works() -> anyhow::Result<()> {
    let _bounded = bounded();
    assert_eq!(sum(&["1", "2", "39"])?, 42);
    assert_eq!(sum(&[]).unwrap_err().to_string(), "nothing to add");

    let error = sum(&["1", "x"]).unwrap_err();
    let chain: Vec<_> = error.chain().map(ToString::to_string).collect();
    assert!(chain.iter().any(|text| text == "\"x\" is no number"), "{chain:?}");
    assert!(error.chain().any(|e| e.is::<std::num::ParseIntError>()), "{chain:?}");
    // Converted back, it is the same exception again.
    let again = Err::<(), _>(error).raised().unwrap_err();
    assert!(again.is::<std::num::ParseIntError>());

    let pool = Pool::new(2);
    let sums = pool.map(|n| Ok(parse(&n.to_string()).raised()? * 2), [1_i64, 2, 3])?;
    assert_eq!(sums, [2, 4, 6]);
    Ok(())
}

#[test]
fn it_can_be_killed_and_timed_out() -> Result<(), Exception> {
    let _bounded = bounded();
    let work = || -> anyhow::Result<()> {
        sleep(LONG).map_err(AsError::from).context("while asleep")?;
        Ok(())
    };
    let greenlet = spawn(move || work().raised());
    sleep(0)?;
    greenlet.kill()?;
    assert!(greenlet.successful() && greenlet.get().unwrap_err().is::<GreenletExit>());
    assert_eq!(Timeout::new(0.001).silent(|| work().raised())?, None);
    Ok(())
}

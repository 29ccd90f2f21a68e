//! map: the order in which the tasks run, and in which the values come; errors.

use gevent::pool::{Group, Pool};
use gevent::{Exception, sleep};

use super::common::{TestResult, ValueError, name, report_errors};

fn square(i: i32) -> Result<i32, Exception> {
    println!("{i} begins");
    for _ in 0..3 - i % 3 {
        sleep(0)?;
    }
    println!("{i} ends");
    Ok(i * i)
}

fn fail(i: i32) -> Result<i32, Exception> {
    sleep(0)?;
    match i {
        0 => Ok(i),
        1 => Err(ValueError("1").into()),
        _ => Err(ValueError("more").into()),
    }
}

fn show(values: &[i32]) {
    let values: Vec<_> = values.iter().map(i32::to_string).collect();
    println!("{}", values.join(" "));
}

pub(crate) fn main() -> TestResult {
    report_errors();

    show(&Pool::new(2).map(square, 0..4)?);
    show(&Group::new().map(square, 0..4)?);
    show(&Pool::new(1).map(square, 0..2)?);

    match Pool::new(2).map(fail, 0..4) {
        Err(e) if e.is::<ValueError>() => println!("{} {e}", name(&e)),
        values => drop(values?),
    }
    let g = Pool::new(2).map_async(square, [5]);
    show(&g.get()?);
    Ok(())
}

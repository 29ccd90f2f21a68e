//! Names and minimal idents: small numbers, given when asked for, and free again after the end.

use gevent::Greenlet;

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let [a, b, c] = [(); 3].map(|()| Greenlet::new(|| ()));
    println!("{} {} {} {}", b.name(), a.minimal_ident(), c.name(), b.name());
    a.set_name("Alice");
    println!("{} {}", a.name(), a.minimal_ident());
    drop(b);
    let d = Greenlet::new(|| ());
    println!("{}", d.name());
    Ok(())
}

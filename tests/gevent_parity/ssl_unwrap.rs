//! TLS that ends on both sides goes back to plain text, and the sockets go on.

use std::io::Write;

use gevent::{sleep, spawn};

use super::common::TestResult;
use super::common_ssl::{connected, recv};

pub(crate) fn main() -> TestResult {
    let (mut near, far) = connected()?;
    near.write_all(b"over TLS")?;
    println!("{}", recv(&far, 100)?);
    let unwrapping = spawn(move || Ok(near.unwrap()?));
    sleep(0)?;
    println!("unwrapped: {}", unwrapping.ready());
    println!("the other side reads {} bytes", recv(&far, 100)?.len());
    let mut plain_far = far.unwrap()?;
    let mut plain_near = unwrapping.get()?;
    plain_near.write_all(b"plain")?;
    println!("{}", recv(&mut plain_far, 100)?);
    plain_far.write_all(b"text")?;
    println!("{}", recv(&mut plain_near, 100)?);
    plain_far.close();
    println!("{} bytes", recv(&mut plain_near, 100)?.len());

    let (near, far) = connected()?;
    let ends = [near, far].map(|end| spawn(move || Ok(end.unwrap()?)));
    ends[0].get()?.write_all(b"both at once")?;
    println!("{}", recv(&mut ends[1].get()?, 100)?);
    Ok(())
}

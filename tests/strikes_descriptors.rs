//! Tests that no descriptor is left open when a kill or a timeout is thrown at each wait of a socket, or
//! of a copy from one to another. The descriptors
//! of the whole process are counted, so this program has no other test.

#![allow(clippy::type_complexity, reason = "a table says once what its functions are")]

#[path = "errors/strikes/ancillary.rs"]
mod ancillary;
#[path = "errors/strikes/copies.rs"]
mod copies;
#[path = "errors/strikes/sockets.rs"]
mod sockets;
#[path = "errors/strikes/strike.rs"]
mod strike;
#[path = "support/mod.rs"]
mod support;

/// How many descriptors are open.
fn descriptors() -> std::io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/fd")?.count())
}

#[test]
fn no_descriptor_is_left_open() -> std::io::Result<()> {
    let strike_all = || {
        strike::strike_everywhere(sockets::rows);
        strike::strike_everywhere(ancillary::rows);
        strike::strike_everywhere(copies::rows);
    };
    strike_all();
    let before = descriptors()?;
    strike_all();
    assert_eq!(descriptors()?, before);
    Ok(())
}

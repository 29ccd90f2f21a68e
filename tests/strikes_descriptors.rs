//! Tests that no descriptor is left open when a kill or a timeout is thrown at each wait of a socket. The descriptors
//! of the whole process are counted, so this program has no other test.

#![allow(clippy::type_complexity, reason = "a table says once what its functions are")]

#[path = "errors/strikes/ancillary.rs"]
mod ancillary;
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
    strike::strike_everywhere(sockets::rows);
    strike::strike_everywhere(ancillary::rows);
    let before = descriptors()?;
    strike::strike_everywhere(sockets::rows);
    strike::strike_everywhere(ancillary::rows);
    assert_eq!(descriptors()?, before);
    Ok(())
}

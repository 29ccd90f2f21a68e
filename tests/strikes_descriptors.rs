//! Tests that no descriptor is left open when a kill or a timeout is thrown at each wait of a socket, or
//! of a copy from one to another. The descriptors
//! of the whole process are counted, so this program has no other test.

#![allow(clippy::type_complexity, reason = "a table says once what its functions are")]

#[path = "errors/strikes/ancillary.rs"]
mod ancillary;
#[path = "errors/strikes/copies.rs"]
mod copies;
#[path = "errors/strikes/families.rs"]
mod families;
#[path = "errors/strikes/python_sockets.rs"]
mod python_sockets;
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
    for rows in [
        sockets::rows,
        ancillary::rows,
        copies::rows,
        families::rows,
        python_sockets::rows,
    ] {
        strike::strike_everywhere(rows);
        let before = descriptors()?;
        strike::strike_everywhere(rows);
        assert_eq!(descriptors()?, before);
    }
    Ok(())
}

//! Pipes, files and terminals in virtual threads.

use std::io::{Read, Write, pipe};

use gevent_threading::spawn;

#[test]
fn a_pipe() {
    gevent_monkey::patch_all().unwrap();
    let (mut reader, mut writer) = pipe().unwrap();
    let sent: Vec<u8> = (0..500_000u32).map(|n| n as u8).collect();
    let expected = sent.clone();
    let reader = spawn(move || {
        let mut got = Vec::new();
        reader.read_to_end(&mut got).unwrap();
        got
    });
    let writer = spawn(move || writer.write_all(&sent).unwrap());
    writer.join().unwrap();
    assert!(reader.join().unwrap() == expected);
}

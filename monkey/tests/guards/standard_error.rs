//! On the standard error output.

use std::io::Read;
use std::process::{Command, Stdio};

use crate::{assert_parks, in_virtual_thread, others_run_in};

/// The test calls itself for this.
const WRITES: &str = "GEVENT_MONKEY_TEST_WRITES";
/// More than a pipe takes.
const MUCH: usize = 1 << 20;

/// A message about an error is there when its write returns, and nobody else has written in between.
#[test]
fn writes_to_descriptor_2_do_not_park() {
    if std::env::var_os(WRITES).is_some() {
        in_virtual_thread(|| {
            let text = vec![b'x'; MUCH];
            let ran = others_run_in(|| {
                // SAFETY: the text has this length.
                let written = unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
                assert_eq!(written, MUCH as isize);
            });
            println!("others have run: {ran}");
            assert_parks();
        });
        return;
    }
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "standard_error::writes_to_descriptor_2_do_not_park",
            "--nocapture",
        ])
        .env(WRITES, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut said, mut written) = (String::new(), Vec::new());
    writer.stderr.take().unwrap().read_to_end(&mut written).unwrap();
    writer.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(writer.wait().unwrap().success());
    assert!(said.contains("others have run: false"), "{said}");
    assert_eq!(written.len(), MUCH);
}

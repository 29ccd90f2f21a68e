//! A program that names the crate in one call only, and uses nothing but std otherwise: its linker has no other reason
//! to look for libc's functions in there.
//!
//! ```sh
//! cargo run -p gevent-monkey --example one_call
//! ```

use std::io::{self, Read, Write};
use std::thread;
use std::time::Duration;

use gevent_threading::spawn;

fn main() -> io::Result<()> {
    // A call that blocks the thread would block it for ever.
    // SAFETY: the function has no conditions.
    unsafe { libc::alarm(20) };
    gevent_monkey::patch_all()?;
    let (mut reader, mut writer) = io::pipe()?;
    let reader = spawn(move || reader.read_exact(&mut [0]));
    let writer = spawn(move || {
        thread::sleep(Duration::from_millis(1));
        writer.write_all(b"x")
    });
    reader.join().expect("it does not panic")?;
    writer.join().expect("it does not panic")?;
    println!("one call: ok");
    Ok(())
}

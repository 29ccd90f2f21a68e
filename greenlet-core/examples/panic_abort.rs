//! What builds with `panic = "abort"` do: everything works but unwinding. A parked greenlet that is dropped keeps its
//! stack, and the destructors on it do not run.
//!
//! ```sh
//! cargo run -p greenlet-core --example panic_abort --config 'profile.dev.panic="abort"' --target-dir target/abort
//! ```
//!
//! Built the usual way, the same program shows the difference.

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;

use greenlet_core::{Exception, GreenletExit, RawGreenlet, Value, getcurrent};

struct Counted(Rc<Cell<usize>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

fn parked(drops: &Rc<Cell<usize>>) -> Result<RawGreenlet, Exception> {
    let (main, counted) = (getcurrent(), Counted(drops.clone()));
    let greenlet = RawGreenlet::new(move |_| {
        let _counted = counted;
        main.switch(())
    });
    greenlet.switch(())?;
    Ok(greenlet)
}

/// How many destructors ran after a normal end, after an exception, and after the last handle's drop.
fn run() -> Result<[usize; 3], Exception> {
    let drops = Rc::new(Cell::new(0));
    parked(&drops)?.switch(Value::None)?;
    let finished = drops.get();
    parked(&drops)?.throw(GreenletExit)?;
    let thrown = drops.get();
    drop(parked(&drops)?);
    Ok([finished, thrown, drops.get()])
}

fn main() -> ExitCode {
    let expected = if cfg!(panic = "abort") { [1, 2, 2] } else { [1, 2, 3] };
    // A thread's end leaves its parked greenlets alone as well.
    let in_thread = std::thread::spawn(|| run().ok()).join().ok().flatten();
    match run() {
        Ok(drops) => {
            println!("destructors after an end, an exception, a drop: {drops:?}");
            ExitCode::from(u8::from(drops != expected || in_thread != Some(expected)))
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

//! The same, with errors ignored.
//!
//! Cure: `|| -> Result<(), gevent::Exception> { loop { .. } }`

fn main() {
    gevent::spawn(|| loop {
        let _ = gevent::sleep(1);
    });
}

//! Random requests, and how two servers understand them: [`pywsgi`](gevent::pywsgi), and hyper.
//!
//! | file | contents |
//! |---|---|
//! | `random.rs`, `requests.rs`, `mutations.rs` | what is sent: requests, and what is changed in them; a number repeats each |
//! | `ours.rs`, `theirs.rs` | the two servers, on connections that are memory |
//! | `verdict.rs` | what a server has made of its input |
//! | `differences.rs` | where the servers may differ, and why |
//! | `fuzz.rs` | the tests |

pub mod differences;
mod mutations;
pub mod ours;
mod random;
mod requests;
pub mod theirs;
pub mod verdict;

pub use random::Random;

/// What is sent on one connection: some requests, perhaps changed, and mostly a good one behind them that shows where a
/// server has seen their end. The same number makes the same input.
pub fn input(number: u64) -> Vec<u8> {
    let mut random = Random::new(number);
    let mut input = Vec::new();
    for _ in 0..*random.pick(&[1, 1, 1, 2, 2, 3]) {
        requests::add(&mut random, &mut input);
    }
    for _ in 0..*random.pick(&[0, 0, 1, 1, 1, 2, 3]) {
        mutations::change(&mut random, &mut input);
    }
    if !random.one_in(8) {
        input.extend_from_slice(b"GET /last HTTP/1.1\r\nHost: last\r\n\r\n");
    }
    input
}

//! [`HubDriver`]: the hub of a thread in which somebody else's executor runs.
//!
//! An executor waits in the kernel for its own events, and gives the hub no time. So the hub runs by turns, in polls of
//! a future of that executor; and while there is nothing to do for it, an [alarm](Alarm) waits in its place, by the
//! descriptor of the loop's [`OuterWait`](hub::core::OuterWait).
//!
//! | file | what |
//! |---|---|
//! | `hub_driver.rs` | [`HubDriver`], the future |
//! | `turns.rs` | the turns: one iteration of the loop each, in the hub's greenlet |
//! | `alarm.rs` | what waits in the hub's place: `alarm_thread.rs`, a thread, or `tokio_alarm.rs` |

mod alarm;
mod alarm_thread;
mod hub_driver;
#[cfg(feature = "tokio")]
mod tokio_alarm;
mod turns;

use alarm::Alarm;
pub use hub_driver::HubDriver;
use turns::Turns;

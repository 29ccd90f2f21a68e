//! Noticing a loop that is blocked, and the report about it.

use std::panic::Location;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use greenlet_core::{Running, Snapshot, SnapshotError, WatchSignal};

use crate::config;
use crate::monitor::{Frame, MonitoredHub};

/// How long the monitoring thread waits for a blocked thread to say where it is.
const ANSWER: Duration = Duration::from_millis(200);

/// The greenlet that keeps a loop from running, as other threads know it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BlockingGreenlet {
    /// Its [id](greenlet_core::RawGreenlet::id).
    pub id: u64,
    /// The place where it was made; `None` if its thread has not answered.
    pub made_at: Option<&'static Location<'static>>,
    /// The place where it was parked before it ran.
    pub parked_at: Option<&'static Location<'static>>,
    /// Where it is in its code, the innermost call first; empty if its thread has not answered.
    pub backtrace: Vec<Frame>,
}

/// What is known from the last look.
#[derive(Default)]
pub(super) struct Seen(Option<(u64, Instant)>);

impl Seen {
    /// Notes what runs now. Returns which greenlet is blocking, and for how long it was seen.
    pub(super) fn note(&mut self, running: Option<Running>, hub: &MonitoredHub, now: Instant) -> Option<(u64, f64)> {
        let blocks = |running: &Running| running.id != hub.greenlet_id() && !hub.loop_().is_idle_outside();
        let Some(running) = running.filter(blocks) else {
            self.0 = None;
            return None;
        };
        match self.0 {
            Some((id, since)) if running.unchanged && running.id == id => {
                Some((id, now.saturating_duration_since(since).as_secs_f64()))
            }
            _ => {
                self.0 = Some((running.id, now));
                None
            }
        }
    }
}

/// Asks the hub's thread where its greenlet is, and writes the report. `None` if another greenlet runs by now.
pub(super) fn report(
    hub: &MonitoredHub,
    reporter: &str,
    id: u64,
    blocking_time: f64,
) -> Option<(BlockingGreenlet, Vec<String>)> {
    let signal = WatchSignal::install(config::monitor_signal());
    let snapshot = signal.and_then(|signal| hub.watch().snapshot(signal, ANSWER));
    let seen = snapshot.as_ref().ok().and_then(|snapshot| snapshot.greenlet);
    if snapshot.is_ok() && seen.is_none_or(|seen| seen.id != id) {
        return None;
    }
    let addresses = snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.addresses);
    let greenlet = BlockingGreenlet {
        id,
        made_at: seen.map(|seen| seen.made_at),
        parked_at: seen.map(|seen| seen.parked_at),
        backtrace: addresses.iter().flat_map(|address| Frame::of(*address)).collect(),
    };
    let main = if id == 0 { " (main)" } else { "" };
    let mut lines = vec![
        "=".repeat(80),
        format!(
            "{} : Greenlet #{id}{main} appears to be blocked",
            utc(SystemTime::now())
        ),
        format!("    Reported by {reporter}"),
        format!("    It runs for {blocking_time:.3} s at least"),
    ];
    // Nobody has made the main greenlet.
    let made_at = greenlet.made_at.filter(|_| id != 0);
    lines.extend(made_at.map(|at| format!("    Made at {at}")));
    lines.extend(greenlet.parked_at.map(|at| format!("    Parked last at {at}")));
    lines.push(format!("Blocked Stack (of {}):", hub.thread_name()));
    lines.extend(stack(&greenlet.backtrace, &snapshot));
    Some((greenlet, lines))
}

/// The lines about the stack. As a rule, calls inside of Rust's own library are of no interest.
fn stack(frames: &[Frame], snapshot: &Result<Snapshot, SnapshotError>) -> Vec<String> {
    let shown = frames.iter().filter(|frame| !frame.is_of_std());
    let mut lines: Vec<_> = shown.map(|frame| format!("    {frame}")).collect();
    match snapshot {
        Ok(snapshot) if snapshot.complete => {}
        Ok(_) => lines.push("    ...".into()),
        Err(error) => lines.push(format!("    Unknown: {error}")),
    }
    lines
}

/// A time as gevent's `gmctime` prints it, but with the date in the order that sorts.
fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / 86400, seconds % 86400);
    // Years begin in March here, so that the leap day is the last. Day 0 is 1 March of year 0, and 1970 begins 719,468
    // days later. 400 years have 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months have 153 days, in the order 31, 30, 31, 30, 31.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + 400 * era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::utc;

    #[test]
    fn times_are_printed_in_utc() {
        let at = |seconds| utc(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(at(951_868_799), "2000-02-29 23:59:59 UTC");
        assert_eq!(at(951_868_800), "2000-03-01 00:00:00 UTC");
        assert_eq!(at(4_102_444_799), "2099-12-31 23:59:59 UTC");
        assert_eq!(at(4_107_542_400), "2100-03-01 00:00:00 UTC");
    }
}

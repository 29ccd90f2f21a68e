//! The memory of the process.

use std::fs;

use crate::config;
use crate::events::{MemoryUsageThresholdExceeded, MemoryUsageUnderThreshold, notify};

/// How much memory the process has, in bytes.
///
/// Source: psutil's `memory_info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryInfo {
    /// Memory that the process has, also that which it shares with others. gevent takes only what is not shared, but to
    /// ask the system for that is slow where there are many greenlets.
    pub rss: u64,
    /// Address space.
    pub vms: u64,
    /// The part of `rss` that is shared, or could be.
    pub shared: u64,
}

impl MemoryInfo {
    /// The memory of this process now; `None` if the system does not tell.
    pub fn now() -> Option<MemoryInfo> {
        MemoryInfo::parse(&fs::read_to_string("/proc/self/status").ok()?)
    }

    /// Source: proc(5), `/proc/pid/status`.
    fn parse(status: &str) -> Option<MemoryInfo> {
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kilobytes = line.trim().strip_suffix("kB")?.trim();
            kilobytes.parse::<u64>().ok()?.checked_mul(1024)
        };
        Some(MemoryInfo {
            rss: bytes("VmRSS:")?,
            vms: bytes("VmSize:")?,
            shared: bytes("RssFile:")? + bytes("RssShmem:")?,
        })
    }
}

/// What a look at the memory has found.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Exceeded(MemoryUsageThresholdExceeded),
    Under(MemoryUsageUnderThreshold),
}

/// Compares the memory with what is allowed, and with what there was the last time if that was too much (0 if not),
/// and notes the latter.
pub(super) fn compare(now: MemoryInfo, max_allowed: u64, exceeded: &mut u64) -> Option<Found> {
    let before = std::mem::replace(exceeded, if now.rss > max_allowed { now.rss } else { 0 });
    if now.rss > max_allowed {
        (now.rss > before).then(|| Found::Exceeded(MemoryUsageThresholdExceeded::new(now, max_allowed)))
    } else {
        (before > 0).then(|| Found::Under(MemoryUsageUnderThreshold::new(now, max_allowed, before)))
    }
}

/// Looks at the memory, and tells subscribers.
pub(super) fn look(exceeded: &mut u64) {
    let Some(max_allowed) = config::max_memory_usage() else {
        return;
    };
    let Some(now) = MemoryInfo::now() else { return };
    match compare(now, max_allowed, exceeded) {
        Some(Found::Exceeded(mut event)) => notify(&mut event),
        Some(Found::Under(mut event)) => notify(&mut event),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, MemoryInfo, compare};

    fn memory(rss: u64) -> MemoryInfo {
        MemoryInfo {
            rss,
            vms: 10,
            shared: 0,
        }
    }

    /// gevent's test of this name.
    #[test]
    fn test_monitor_greater() {
        let mut exceeded = 0;
        let mut look = |rss| compare(memory(rss), 1, &mut exceeded);
        assert!(matches!(look(2), Some(Found::Exceeded(event)) if event.mem_usage == 2 && event.max_allowed == 1));
        // No growth, no event.
        assert!(look(2).is_none());
        assert!(matches!(look(3), Some(Found::Exceeded(event)) if event.mem_usage == 3));
        // It shrinks, but not enough.
        assert!(look(2).is_none());
        assert!(matches!(look(1), Some(Found::Under(event)) if event.mem_usage == 1 && event.max_memory_usage == 2));
        assert!(look(1).is_none());
        assert!(matches!(look(3), Some(Found::Exceeded(event)) if event.mem_usage == 3));
    }

    /// gevent's test of this name.
    #[test]
    fn test_monitor_initial_below() {
        assert!(compare(memory(1), 10, &mut 0).is_none());
    }

    #[test]
    fn the_systems_lines_are_read() {
        let status = "Name:\tx\nVmSize:\t  30 kB\nVmRSS:\t  20 kB\nRssFile:\t 4 kB\nRssShmem:\t 1 kB\n";
        let info = MemoryInfo::parse(status).expect("lines as the system's");
        assert_eq!((info.vms, info.rss, info.shared), (30 << 10, 20 << 10, 5 << 10));
        assert_eq!(MemoryInfo::parse("VmSize:\t 30 kB\n"), None);
        assert!(MemoryInfo::now().is_some_and(|now| now.rss > 0 && now.vms >= now.rss));
    }
}

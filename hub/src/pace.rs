//! [`Pace`]: measures how long many small steps take in all. It looks at the clock seldom, because a look may take
//! longer than a step.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::core::getswitchinterval;

/// The number of steps before the first look at the clock.
const FIRST: u32 = 4;

/// The largest number of steps between two looks.
const MOST: u32 = 32;

/// Tells, after each step, whether all steps since the beginning have taken longer than the
/// [switch interval](getswitchinterval). The number of steps between two looks at the clock grows while the steps are
/// quick, and is one when they are slow.
#[derive(Debug)]
pub(crate) struct Pace {
    /// The number of steps until the next look.
    left: Cell<u32>,
    /// The number of steps from the last look to the next.
    apart: Cell<u32>,
    /// The times of the first and the last look.
    looks: Cell<Option<(Instant, Instant)>>,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            left: Cell::new(FIRST),
            apart: Cell::new(FIRST),
            looks: Cell::new(None),
        }
    }
}

impl Pace {
    /// Begins anew: the steps up to now do not count.
    #[inline]
    pub(crate) fn begin(&self) {
        self.left.set(FIRST);
        self.looks.set(None);
    }

    /// Counts a step. Returns true if a look at the clock shows that the steps since the beginning have taken too long.
    #[inline]
    pub(crate) fn step(&self) -> bool {
        let left = self.left.get() - 1;
        self.left.set(left);
        left == 0 && self.look()
    }

    #[cold]
    #[inline(never)]
    fn look(&self) -> bool {
        self.look_at(Instant::now())
    }

    fn look_at(&self, now: Instant) -> bool {
        let interval = Duration::try_from_secs_f64(getswitchinterval()).unwrap_or(Duration::MAX);
        let (since, apart) = match self.looks.get() {
            Some((since, last)) if now - last < interval / 8 => (since, (2 * self.apart.get()).min(MOST)),
            Some((since, _)) => (since, 1),
            None => (now, 1),
        };
        self.looks.set(Some((since, now)));
        self.apart.set(apart);
        self.left.set(apart);
        now - since >= interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of looks, and of steps of `micros` microseconds, until the pace says that they have taken too long.
    fn steps(micros: u64) -> (u32, u32) {
        let pace = Pace::default();
        let (mut now, mut looks) = (Instant::now(), 0);
        for steps in 1.. {
            now += Duration::from_micros(micros);
            // `step`, with a clock of our own.
            pace.left.set(pace.left.get() - 1);
            if pace.left.get() == 0 {
                looks += 1;
                if pace.look_at(now) {
                    return (looks, steps);
                }
            }
        }
        unreachable!()
    }

    #[test]
    fn quick_steps_are_seldom_timed_and_slow_ones_soon_over() {
        for micros in [1, 10, 100, 500, 1_000, 5_000, 10_000, 1_000_000] {
            let (looks, steps) = steps(micros);
            // The steps before the first look, and those between two looks, may be too many.
            let enough = 5_000_u64.div_ceil(micros) as u32;
            assert!(steps <= enough + FIRST + MOST.min(2 * enough), "{micros}: {steps}");
            assert!(looks <= 8 + steps / 4 || steps < 20, "{micros}: {looks} of {steps}");
            assert!(micros > 10 || looks <= 8 + steps / MOST, "{micros}: {looks} of {steps}");
        }
        assert_eq!(steps(10_000), (2, 5));
    }

    #[test]
    fn what_begins_anew_has_its_own_time() {
        let (pace, now) = (Pace::default(), Instant::now());
        assert!(!pace.look_at(now));
        assert!(pace.look_at(now + Duration::from_secs(1)));
        pace.begin();
        assert!(!pace.look_at(now + Duration::from_secs(2)));
    }
}

//! [`Spawned`]: where a greenlet comes from. Source: `spawning_greenlet` and `spawn_tree_locals` of gevent's greenlets
//! and of its `spawn_raw`.

use std::any::Any;
use std::cell::OnceCell;
use std::panic::Location;
use std::time::Duration;

use greenlet_core::{Data, RawGreenlet, WeakGreenlet};
use hub::{Hub, config, core};

use super::base::GreenletBase;
use super::tree::SpawnTreeLocals;

/// The spawner of a greenlet, its tree, and when it was made.
pub(super) struct Origin {
    /// None if nobody wants to know, see [`config::track_greenlet_tree`].
    spawned_by: Option<WeakGreenlet>,
    /// The tree, if the greenlet has one already.
    pub(super) tree: OnceCell<SpawnTreeLocals>,
    /// The time of the loop's clock, in seconds; NaN as above.
    made: f64,
}

impl Origin {
    /// The origin of a greenlet that `spawner` makes. Main is in no tree, so each greenlet that it spawns begins one,
    /// which is made when somebody asks for it.
    #[inline(always)]
    pub(super) fn of(spawner: &RawGreenlet, hub: &Hub) -> Origin {
        if !config::track_greenlet_tree() {
            return Origin {
                spawned_by: None,
                tree: OnceCell::new(),
                made: f64::NAN,
            };
        }
        let tree = match spawner.parent() {
            Some(_) => OnceCell::from(SpawnTreeLocals::of(spawner)),
            None => OnceCell::new(),
        };
        Origin {
            spawned_by: Some(spawner.downgrade()),
            tree,
            made: hub.loop_().now().unwrap_or(f64::NAN),
        }
    }

    /// The origin of a greenlet, if it was spawned here: it is not main, nor the hub, nor made by
    /// [`RawGreenlet::new`].
    pub(super) fn find(greenlet: &RawGreenlet) -> Option<&Origin> {
        let base = greenlet.part::<GreenletBase>();
        base.map(|base| &base.origin).or_else(|| greenlet.part())
    }
}

/// The data of a greenlet of [`spawn_raw`](crate::spawn_raw).
impl Data for Origin {
    fn part(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

/// Where a raw greenlet comes from, such as one of [`spawn_raw`](crate::spawn_raw) or
/// [`getcurrent`](crate::getcurrent). [`Greenlet`](crate::Greenlet) and [`AnyGreenlet`](crate::AnyGreenlet) have the
/// same methods.
///
/// ```
/// use gevent::prelude::*;
/// use gevent::{getcurrent, spawn_raw};
///
/// let greenlet = spawn_raw(|| println!("{:?}", getcurrent().spawning_greenlet()))?;
/// assert_eq!(greenlet.spawning_greenlet(), Some(getcurrent()));
/// # sleep(0)?;
/// # Ok::<(), Exception>(())
/// ```
pub trait Spawned {
    /// The greenlet that spawned this one, if it still exists. `None` for main, the hub, greenlets that were made
    /// by [`RawGreenlet::new`], and all for which [`config::track_greenlet_tree`] was off.
    fn spawning_greenlet(&self) -> Option<RawGreenlet>;

    /// The place in the source where the greenlet was made.
    fn spawning_location(&self) -> &'static Location<'static>;

    /// The named values that the greenlet shares with all greenlets of its tree.
    fn spawn_tree_locals(&self) -> SpawnTreeLocals;

    /// How long ago the greenlet was made, by the loop's clock, which the loop has looked at before the spawner ran: if
    /// that ran for long, so much is added. `None` where [`spawning_greenlet`](Spawned::spawning_greenlet) is never
    /// known.
    ///
    /// ```
    /// use gevent::Spawned;
    ///
    /// let greenlet = gevent::spawn(|| gevent::sleep(1));
    /// gevent::sleep(0.02)?;
    /// assert!(greenlet.raw().age() > Some(std::time::Duration::from_millis(10)));
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    fn age(&self) -> Option<Duration>;
}

impl Spawned for RawGreenlet {
    fn spawning_greenlet(&self) -> Option<RawGreenlet> {
        Origin::find(self)?.spawned_by.as_ref()?.upgrade()
    }

    fn spawning_location(&self) -> &'static Location<'static> {
        self.made_at()
    }

    fn spawn_tree_locals(&self) -> SpawnTreeLocals {
        SpawnTreeLocals::of(self)
    }

    fn age(&self) -> Option<Duration> {
        let age = core::time() - Origin::find(self)?.made;
        (!age.is_nan()).then(|| Duration::try_from_secs_f64(age).unwrap_or_default())
    }
}

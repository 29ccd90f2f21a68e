//! [`Details`]: what is printed of each greenlet.

/// What [`GreenletTree::format`](super::GreenletTree::format) prints of each greenlet beside its name. `true` is all
/// of it but the numbers, which is the default, and `false` nothing.
///
/// ```
/// use gevent::util::{Details, GreenletTree};
///
/// let tree = GreenletTree::current_tree();
/// let short = tree.format(Details { running_stacks: false, ..Details::default() });
/// assert!(short.contains("Parent: None") && !short.contains("Running:"));
/// assert_eq!(tree.format(false), tree.to_string());
/// ```
///
/// Source: the dictionary `details` of gevent's `GreenletTree.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Details {
    /// The number of each greenlet, see [`RawGreenlet::id`](crate::RawGreenlet::id).
    pub ids: bool,
    /// Where each greenlet is in its life: its parent, for what it waits and where, its age.
    pub state: bool,
    /// The backtraces of greenlets that have begun.
    pub running_stacks: bool,
    /// How many lines such a backtrace has at most; `None` for no limit.
    pub running_stack_limit: Option<usize>,
    /// Where greenlets were spawned.
    pub spawning_stacks: bool,
    /// The names of the values of a greenlet's tree, where the tree begins, and the types of the locals in which the
    /// greenlet has a value.
    pub locals: bool,
    /// How many greenlets are printed; of the others, their number.
    pub max_greenlets: usize,
    /// How many greenlets are printed below each other, from a greenlet to those that it has spawned, and so on; of
    /// the others, their number.
    pub max_depth: usize,
}

impl Default for Details {
    fn default() -> Self {
        Details {
            ids: false,
            state: true,
            running_stacks: true,
            running_stack_limit: None,
            spawning_stacks: true,
            locals: true,
            max_greenlets: 10_000,
            max_depth: 50,
        }
    }
}

impl From<bool> for Details {
    fn from(all: bool) -> Self {
        Details {
            state: all,
            running_stacks: all,
            spawning_stacks: all,
            locals: all,
            ..Details::default()
        }
    }
}

//! [`GreenletTree`]: the greenlets of a thread, each below the one that has spawned it.

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use greenlet_core::{RawGreenlet, getcurrent, greenlets};

use super::backtrace::Symbols;
use super::{Details, format};
use crate::greenlet::{AnyGreenlet, Spawned};

/// A greenlet, and those that it has spawned, as they were when the tree was made. The parent of a greenlet is usually
/// the hub, so the tree follows [`spawning_greenlet`](Spawned::spawning_greenlet) instead. Below the root, which is
/// the thread's main greenlet, are also those that nobody has spawned (the hub), or for which this is not known: the
/// spawner is gone, or [`track_greenlet_tree`](crate::config::track_greenlet_tree) was off.
///
/// Greenlets that have ended are in the tree only if others that they have spawned have not. The tree has handles of
/// all its greenlets: one that returns a tree keeps itself, until the value is [taken](crate::Greenlet::take).
///
/// ```
/// use gevent::util::GreenletTree;
///
/// let greenlet = gevent::spawn(|| gevent::sleep(1));
/// let tree = GreenletTree::current_tree();
/// assert!(tree.root());
/// assert!(tree.child_trees().any(|child| child.greenlet() == greenlet.raw()));
/// println!("{}", tree.format(true));
/// ```
///
/// Source: gevent's `GreenletTree`.
#[derive(Clone)]
pub struct GreenletTree {
    forest: Rc<Forest>,
    index: usize,
}

/// All greenlets of a tree.
struct Forest {
    nodes: Vec<Node>,
}

struct Node {
    greenlet: RawGreenlet,
    children: Vec<usize>,
}

/// The place of the main greenlet.
const MAIN: usize = 0;

impl GreenletTree {
    /// The tree of all greenlets of this thread. Its root is the main greenlet.
    pub fn current_tree() -> GreenletTree {
        GreenletTree {
            forest: Rc::new(Forest::grow()),
            index: MAIN,
        }
    }

    /// The trees that can be seen: the [current one](GreenletTree::current_tree). gevent's also has those of other
    /// threads.
    pub fn forest() -> Vec<GreenletTree> {
        vec![GreenletTree::current_tree()]
    }

    /// The greenlet at the root of this tree.
    pub fn greenlet(&self) -> &RawGreenlet {
        &self.node().greenlet
    }

    /// Whether the greenlet has no parent: it is the main greenlet.
    pub fn root(&self) -> bool {
        self.greenlet().parent().is_none()
    }

    /// Whether this is the whole tree of the thread.
    pub fn is_current_tree(&self) -> bool {
        self.index == MAIN
    }

    /// The trees of the greenlets that this one has spawned: first those that are only raw, then each by age.
    pub fn child_trees(&self) -> impl ExactSizeIterator<Item = GreenletTree> + '_ {
        let children = self.node().children.iter();
        children.map(|index| GreenletTree {
            forest: self.forest.clone(),
            index: *index,
        })
    }

    /// The tree as lines of text, with [`Details`], or with all of them (`true`) or none (`false`). The text is for
    /// people and may change.
    pub fn format_lines(&self, details: impl Into<Details>) -> Vec<String> {
        self.format_lines_with(details, &mut Symbols::default())
    }

    /// [`format_lines`](GreenletTree::format_lines) with names that are known already.
    pub(crate) fn format_lines_with(&self, details: impl Into<Details>, symbols: &mut Symbols) -> Vec<String> {
        format::lines(self, &details.into(), symbols)
    }

    /// The [lines](GreenletTree::format_lines) as one text.
    pub fn format(&self, details: impl Into<Details>) -> String {
        self.format_lines(details).join("\n")
    }

    fn node(&self) -> &Node {
        &self.forest.nodes[self.index]
    }
}

/// The [`format`](GreenletTree::format) without details.
impl fmt::Display for GreenletTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format(false))
    }
}

impl fmt::Debug for GreenletTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<GreenletTree of {:?}, {} children>",
            self.greenlet(),
            self.node().children.len()
        )
    }
}

impl Forest {
    /// Puts all greenlets of this thread in their places.
    fn grow() -> Forest {
        let mut forest = Forest { nodes: Vec::new() };
        let mut places = HashMap::new();
        forest.add(main(), &mut places);
        // The oldest first: a greenlet is never older than its spawner.
        for greenlet in greenlets().into_iter().rev() {
            forest.place(greenlet, &mut places);
        }
        let order = |node: &Node| (AnyGreenlet::of(&node.greenlet).is_some(), node.greenlet.id());
        let order: Vec<_> = forest.nodes.iter().map(order).collect();
        for node in &mut forest.nodes {
            node.children.sort_by_key(|child| order[*child]);
        }
        forest
    }

    /// Puts a greenlet below its spawner. A spawner that has ended was not listed, so it is put in its place first, and
    /// so on: in a loop, as such a chain may be long.
    fn place(&mut self, greenlet: RawGreenlet, places: &mut HashMap<u64, usize>) {
        let mut chain = Vec::new();
        let mut next = Some(greenlet);
        let mut parent = MAIN;
        while let Some(greenlet) = next {
            if let Some(place) = places.get(&greenlet.id()) {
                parent = *place;
                break;
            }
            next = greenlet.spawning_greenlet();
            chain.push(greenlet);
        }
        for greenlet in chain.into_iter().rev() {
            let place = self.add(greenlet, places);
            self.nodes[parent].children.push(place);
            parent = place;
        }
    }

    fn add(&mut self, greenlet: RawGreenlet, places: &mut HashMap<u64, usize>) -> usize {
        let place = self.nodes.len();
        places.insert(greenlet.id(), place);
        self.nodes.push(Node {
            greenlet,
            children: Vec::new(),
        });
        place
    }
}

/// The main greenlet of this thread.
fn main() -> RawGreenlet {
    let mut greenlet = getcurrent();
    while let Some(parent) = greenlet.parent() {
        greenlet = parent;
    }
    greenlet
}

//! The lines of a [`GreenletTree`]. Source: `_TreeFormatter` and `GreenletTree._render` in gevent's `util.py`.
//!
//! ```text
//! <greenlet ..>                      a label
//!  :    Parent: None                 a detail of the root
//!  +--- <Hub ..>
//!  :          Parent: <greenlet ..>  a detail of a child
//!  +--- <Greenlet ..>
//!  |    +--- <Greenlet ..>
//!  +--- <Greenlet ..>                the last child:
//!            Parent: <Hub ..>        no line goes on beside its details
//! ```

use std::fmt::Write;

use greenlet_core::{RawGreenlet, State};
use hub::get_hub_if_exists;

use super::backtrace::{Backtrace, Symbols};
use super::{Details, GreenletTree};
use crate::greenlet::{AnyGreenlet, Spawned};
use crate::local::locals_of;

/// The lines of a tree with some details. This works in a loop and not by recursion: trees may be deep, and stacks are
/// small.
pub(super) fn lines(tree: &GreenletTree, details: &Details, symbols: &mut Symbols) -> Vec<String> {
    let mut lines = Vec::new();
    let mut left_out = 0;
    let mut printed = 0;
    // The trees to print, the next one last, each with the path to it: whether it and those above it are last children.
    let mut todo = vec![(tree.clone(), Vec::new())];
    while let Some((tree, path)) = todo.pop() {
        let depth = path.len();
        if depth >= details.max_depth || printed >= details.max_greenlets {
            left_out += 1;
        } else {
            printed += 1;
            let number = if details.ids {
                format!("#{} ", tree.greenlet().id())
            } else {
                String::new()
            };
            lines.push(head(&path) + &number + &label(tree.greenlet()));
            let prefix = data_prefix(&path);
            let data = data(tree.greenlet(), details, symbols);
            lines.extend(data.into_iter().map(|text| format!("{prefix}{text}")));
        }
        let count = tree.child_trees().len();
        let children: Vec<_> = tree.child_trees().enumerate().collect();
        for (place, child) in children.into_iter().rev() {
            // What is left out is only counted.
            let path = match depth < details.max_depth {
                true => [&path[..], &[place + 1 == count]].concat(),
                false => path.clone(),
            };
            todo.push((child, path));
        }
    }
    if left_out > 0 {
        lines.push(format!(" ... and {left_out} more"));
    }
    lines
}

/// What comes before a label.
fn head(path: &[bool]) -> String {
    let Some((_, above)) = path.split_last() else {
        return String::new();
    };
    let columns = above.iter().map(|last| if *last { "     " } else { " |   " });
    columns.chain([" +--- "]).collect()
}

/// What comes before a detail.
fn data_prefix(path: &[bool]) -> String {
    let first = path.first().is_none_or(|last| !last);
    let columns = if first { " :    " } else { "      " };
    columns.to_owned() + &"      ".repeat(path.len())
}

/// The line of a greenlet.
fn label(greenlet: &RawGreenlet) -> String {
    let mut label = show(greenlet);
    match AnyGreenlet::of(greenlet) {
        Some(known) if known.ready() => {
            label += "; finished";
            if let Some(exception) = known.exception() {
                let _ = write!(label, " with exception {exception:?}");
            }
        }
        Some(known) if known.started() => {}
        None if has_begun(greenlet) => {}
        _ => label += "; not running",
    }
    label
}

/// Whether the greenlet is on its stack.
fn has_begun(greenlet: &RawGreenlet) -> bool {
    matches!(greenlet.state(), State::Current | State::Suspended)
}

/// The greenlet as the object that users know it as.
fn show(greenlet: &RawGreenlet) -> String {
    match (get_hub_if_exists(), AnyGreenlet::of(greenlet)) {
        (Some(hub), _) if hub.greenlet() == greenlet => format!("{hub:?}"),
        (_, Some(greenlet)) => format!("{greenlet:?}"),
        (_, None) => format!("{greenlet:?}"),
    }
}

/// The details of a greenlet.
fn data(greenlet: &RawGreenlet, details: &Details, symbols: &mut Symbols) -> Vec<String> {
    let mut data = Vec::new();
    if details.state {
        let parent = greenlet.parent();
        data.push(format!(
            "Parent: {}",
            parent.map_or("None".to_owned(), |parent| show(&parent))
        ));
        data.extend(waiting(greenlet));
        data.extend(greenlet.age().map(|age| format!("Age: {:.3} s", age.as_secs_f64())));
    }
    if details.running_stacks && has_begun(greenlet) {
        let backtrace = Backtrace::of(greenlet);
        if !backtrace.is_empty() {
            data.push("Running:".to_owned());
            let limit = details.running_stack_limit.unwrap_or(usize::MAX);
            let lines = symbols.lines(&backtrace, limit);
            data.extend(lines.into_iter().map(|line| format!("  {line}")));
        }
    }
    if details.spawning_stacks && was_spawned(greenlet) {
        data.push("Spawned at:".to_owned());
        data.push(format!("  {}", greenlet.made_at()));
    }
    if details.locals {
        data.extend(tree_locals(greenlet));
        data.extend(locals(greenlet));
    }
    data
}

/// Where a parked greenlet waits, and for what.
fn waiting(greenlet: &RawGreenlet) -> Option<String> {
    if greenlet.state() != State::Suspended {
        return None;
    }
    let mut text = format!("Waiting at: {}", greenlet.parked_at());
    if let Some(waiting_on) = greenlet.waiting_on() {
        let _ = write!(text, " for {waiting_on}");
    }
    Some(text)
}

/// Whether somebody has made the greenlet to run a function: it is neither main nor the hub.
fn was_spawned(greenlet: &RawGreenlet) -> bool {
    let hub = get_hub_if_exists();
    greenlet.parent().is_some() && hub.is_none_or(|hub| hub.greenlet() != greenlet)
}

/// The names of the values that the greenlet shares with its tree, if the tree begins with it.
fn tree_locals(greenlet: &RawGreenlet) -> Vec<String> {
    if !was_spawned(greenlet) {
        return Vec::new();
    }
    let tree = greenlet.spawn_tree_locals();
    let spawner = greenlet.spawning_greenlet();
    if tree.is_empty() || spawner.is_some_and(|spawner| spawner.spawn_tree_locals().same(&tree)) {
        return Vec::new();
    }
    vec!["Spawn Tree Locals".to_owned(), format!("{tree:?}")]
}

/// The locals in which the greenlet has a value.
fn locals(greenlet: &RawGreenlet) -> Vec<String> {
    let locals = locals_of(greenlet);
    let title = (!locals.is_empty()).then(|| "Greenlet Locals:".to_owned());
    let lines = locals
        .into_iter()
        .map(|(kind, address)| format!("  Local {kind} at {address:#x}"));
    title.into_iter().chain(lines).collect()
}

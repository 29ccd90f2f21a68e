//! The commands that every backdoor has.

use std::fmt::Write;
use std::rc::{Rc, Weak};

use greenlet_core::{Exception, GreenletExit, RawGreenlet, getcurrent, getmain, greenlets, stacks};
use hub::get_hub;

use super::Session;
use super::commands::Commands;
use crate::living::Which;
use crate::util::{Backtrace, Details, GreenletTree, Symbols};

/// So many greenlets are listed.
const GREENLETS: usize = 10_000;
/// So many backtraces are listed, and each has so many lines.
const STACKS: usize = 1_000;
const STACK_LINES: usize = 30;

type Builtin = fn(&mut Session, &[&str]) -> Result<(), Exception>;

const BUILTINS: [(&str, &str, Builtin); 9] = [
    ("greenlets", "lists the greenlets of this thread", list_greenlets),
    ("tree", "shows who has spawned whom, and what they do", tree),
    (
        "stacks",
        "[ID]: shows the backtraces of all greenlets, or of one",
        show_stacks,
    ),
    ("servers", "lists the servers of this thread", servers),
    ("pools", "lists the pools of this thread", pools),
    ("watchers", "counts the watchers of the hub's loop", watchers),
    (
        "memory",
        "shows the memory of the process, and the stacks of this thread",
        memory,
    ),
    ("kill", "ID: throws a GreenletExit into a greenlet", kill),
    ("quit", "ends this session", quit),
];

/// Adds all of them.
pub(super) fn add(commands: &Rc<Commands>) {
    for (name, help, function) in BUILTINS {
        commands.add(name, help, Rc::new(function));
    }
    let all: Weak<Commands> = Rc::downgrade(commands);
    let help = move |session: &mut Session, _: &[&str]| {
        session.lines(all.upgrade().map(|all| all.help()).unwrap_or_default());
        Ok(())
    };
    commands.add("help", "lists the commands", Rc::new(help));
}

fn list_greenlets(session: &mut Session, _: &[&str]) -> Result<(), Exception> {
    let all = greenlets();
    session.lines(all.iter().take(GREENLETS).map(|greenlet| greenlet.info().to_string()));
    writeln!(session, "{} greenlets", all.len())?;
    Ok(())
}

fn tree(session: &mut Session, _: &[&str]) -> Result<(), Exception> {
    let details = Details {
        ids: true,
        running_stacks: false,
        max_greenlets: GREENLETS,
        ..Details::default()
    };
    session.lines(GreenletTree::current_tree().format_lines(details));
    Ok(())
}

fn show_stacks(session: &mut Session, words: &[&str]) -> Result<(), Exception> {
    if let [word, ..] = words {
        let greenlet = find(word)?;
        writeln!(session, "{}", greenlet.info())?;
        let mut symbols = Symbols::of(std::slice::from_ref(&greenlet))?;
        let lines = symbols.lines(&Backtrace::of(&greenlet), usize::MAX);
        session.lines(&lines);
        if lines.is_empty() {
            writeln!(session, "it has no stack")?;
        }
        return Ok(());
    }
    let mut all = greenlets();
    all.truncate(STACKS);
    let mut symbols = Symbols::of(&all)?;
    let details = Details {
        ids: true,
        running_stack_limit: Some(STACK_LINES),
        max_greenlets: STACKS,
        ..Details::default()
    };
    session.lines(GreenletTree::current_tree().format_lines_with(details, &mut symbols));
    Ok(())
}

fn servers(session: &mut Session, _: &[&str]) -> Result<(), Exception> {
    session.lines(Which::Servers.describe());
    Ok(())
}

fn pools(session: &mut Session, _: &[&str]) -> Result<(), Exception> {
    session.lines(Which::Pools.describe());
    Ok(())
}

fn watchers(session: &mut Session, _: &[&str]) -> Result<(), Exception> {
    let hub = get_hub();
    for (name, count) in hub.loop_().watchers() {
        writeln!(session, "{name:10} {:6} started of {:6}", count.started, count.all)?;
    }
    writeln!(session, "{:?}", hub.loop_())?;
    Ok(())
}

fn memory(session: &mut Session, _: &[&str]) -> Result<(), Exception> {
    // Where there is no such file, the system does not say.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (field, name) in [("VmRSS:", "resident"), ("VmHWM:", "at most"), ("VmSize:", "mapped")] {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        if let Some(size) = line {
            writeln!(session, "{name:10} {}", size.trim())?;
        }
    }
    let stacks = stacks();
    let mapped = stacks.mapped / 1024;
    writeln!(
        session,
        "stacks     {} in use, {} idle, {mapped} kB mapped",
        stacks.in_use, stacks.idle
    )?;
    Ok(())
}

fn kill(session: &mut Session, words: &[&str]) -> Result<(), Exception> {
    let [word] = words else {
        writeln!(session, "kill ID: the number of a greenlet, which `greenlets` lists")?;
        return Ok(());
    };
    let greenlet = find(word)?;
    if greenlet == getmain() || greenlet == *get_hub().greenlet() {
        writeln!(session, "#{} is the main greenlet or the hub", greenlet.id())?;
        return Ok(());
    }
    // A `Greenlet` that has not begun never will.
    match crate::AnyGreenlet::of(&greenlet) {
        Some(known) => crate::kill(&known, GreenletExit)?,
        None => crate::kill(&greenlet, GreenletExit)?,
    }
    let own = if greenlet == getcurrent() {
        ", which is this session"
    } else {
        ""
    };
    writeln!(session, "killed #{}{own}", greenlet.id())?;
    Ok(())
}

fn quit(session: &mut Session, _: &[&str]) -> Result<(), Exception> {
    session.quit();
    Ok(())
}

/// The greenlet of that number.
fn find(word: &str) -> Result<RawGreenlet, Exception> {
    let id = word.strip_prefix('#').unwrap_or(word).parse::<u64>();
    let id = id.map_err(|_| Exception::msg(format!("{word:?} is not a number")))?;
    let found = greenlets().into_iter().find(|greenlet| greenlet.id() == id);
    found.ok_or_else(|| Exception::msg(format!("there is no greenlet #{id}")))
}

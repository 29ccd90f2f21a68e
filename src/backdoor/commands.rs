//! [`Commands`]: the commands of a server, by their names.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use greenlet_core::Exception;

use super::Session;

/// The function of a command.
pub(super) type Function = Rc<dyn Fn(&mut Session, &[&str]) -> Result<(), Exception>>;

struct Command {
    /// What `help` says of it.
    help: String,
    function: Function,
}

#[derive(Default)]
pub(super) struct Commands(RefCell<BTreeMap<String, Command>>);

impl Commands {
    /// Adds a command, in the place of one of the same name.
    pub(super) fn add(&self, name: impl Into<String>, help: impl Into<String>, function: Function) {
        // The conversions may be user code: nothing is borrowed here.
        let (name, help) = (name.into(), help.into());
        let old = self.0.borrow_mut().insert(name, Command { help, function });
        // Dropping a function runs user code: nothing is borrowed here.
        drop(old);
    }

    pub(super) fn get(&self, name: &str) -> Option<Function> {
        self.0.borrow().get(name).map(|command| command.function.clone())
    }

    /// The lines of `help`.
    pub(super) fn help(&self) -> Vec<String> {
        let commands = self.0.borrow();
        let width = commands.keys().map(String::len).max().unwrap_or(0);
        let line = |(name, command): (&String, &Command)| format!("{name:width$}  {}", command.help);
        commands.iter().map(line).collect()
    }
}

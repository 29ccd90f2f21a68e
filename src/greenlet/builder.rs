//! [`Builder`]: the settings of a greenlet, among them those for which gevent has methods to
//! override in a subclass.

use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet};
use hub::core::CallbackResult;
use hub::{Seconds, set_switch_out};

use super::Greenlet;
use crate::outcome::Outcome;

/// The settings of a greenlet that is to be made: name, stack size, hooks. Made by
/// [`Greenlet::builder`].
///
/// ```
/// use gevent::Greenlet;
///
/// let greenlet = Greenlet::builder()
///     .name("answer")
///     .stack_size(64 * 1024)
///     .switch_out(|| println!("it waits"))
///     .spawn(|| gevent::sleep(0.001).map(|()| 42));
/// assert_eq!(&*greenlet.name(), "answer");
/// assert_eq!(greenlet.get()?, 42);
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Default)]
pub struct Builder {
    name: Option<Rc<str>>,
    stack_size: Option<usize>,
    switch_out: Option<Rc<dyn Fn() -> Result<(), Exception>>>,
    formatinfo: Option<FormatInfo>,
}

/// The function that describes a greenlet in its `Debug` output.
pub(super) struct FormatInfo(pub(super) Box<dyn Fn() -> String>);

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("stack_size", &self.stack_size)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Sets the name, which the `Debug` output and reports show.
    #[must_use]
    pub fn name(mut self, name: impl Into<Rc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the size of the stack, in bytes of address space. Memory is used only for the parts
    /// that are touched.
    #[must_use]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Has `hook` called in the greenlet each time before it waits. The hook should not wait
    /// itself. An error of the hook keeps the greenlet from waiting, and is returned by the call
    /// that was to wait.
    #[must_use]
    pub fn switch_out<R: CallbackResult>(mut self, hook: impl Fn() -> R + 'static) -> Self {
        self.switch_out = Some(Rc::new(move || hook().into_result()));
        self
    }

    /// Sets the text that follows the address in the `Debug` output and in reports, in place of
    /// where the greenlet was spawned: gevent's `_formatinfo`.
    ///
    /// ```
    /// let greenlet = gevent::Greenlet::builder()
    ///     .formatinfo(|| "fetches /index.html".to_owned())
    ///     .build(|| ());
    /// assert!(format!("{greenlet:?}").ends_with(": fetches /index.html>"));
    /// ```
    #[must_use]
    pub fn formatinfo(mut self, formatinfo: impl Fn() -> String + 'static) -> Self {
        self.formatinfo = Some(FormatInfo(Box::new(formatinfo)));
        self
    }

    /// Makes the greenlet; it runs once it is [started](Greenlet::start).
    #[track_caller]
    pub fn build<R: Outcome>(self, function: impl FnOnce() -> R + 'static) -> Greenlet<R::Value> {
        let mut settings = RawGreenlet::builder();
        if let Some(bytes) = self.stack_size {
            settings = settings.stack_size(bytes);
        }
        let greenlet = Greenlet::build(settings, function);
        if let Some(name) = self.name {
            greenlet.set_name(name);
        }
        if let Some(formatinfo) = self.formatinfo {
            greenlet.raw().set_local(formatinfo);
        }
        if let Some(hook) = self.switch_out {
            set_switch_out(greenlet.raw(), hook);
        }
        greenlet
    }

    /// Makes the greenlet and starts it.
    #[track_caller]
    pub fn spawn<R: Outcome>(self, function: impl FnOnce() -> R + 'static) -> Greenlet<R::Value> {
        let greenlet = self.build(function);
        greenlet.start_or_end();
        greenlet
    }

    /// Makes the greenlet and starts it `seconds` from now, as [`Greenlet::spawn_later`] does.
    #[track_caller]
    pub fn spawn_later<R: Outcome>(
        self,
        seconds: impl Seconds,
        function: impl FnOnce() -> R + 'static,
    ) -> Greenlet<R::Value> {
        let greenlet = self.build(function);
        greenlet.start_later_or_end(seconds);
        greenlet
    }
}

impl Greenlet<()> {
    /// Begins the settings of a new greenlet, whose value may have any type: name, stack size, hooks.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

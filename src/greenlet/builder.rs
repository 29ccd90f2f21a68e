//! Settings of a greenlet: what one would override in a subclass of gevent's `Greenlet`.

use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet};
use hub::core::CallbackResult;
use hub::{Seconds, set_switch_out};

use super::Greenlet;
use crate::outcome::Outcome;

/// Settings of a greenlet, for those that differ from the default; made by
/// [`Greenlet::builder`].
///
/// ```
/// use gevent::Greenlet;
///
/// let greenlet = Greenlet::<i32>::builder()
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

/// What a greenlet says of itself in its `Debug` output.
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
    /// The name, for its `Debug` output and reports.
    #[must_use]
    pub fn name(mut self, name: impl Into<Rc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The size of its stack in bytes of address space; memory is taken as it is touched.
    #[must_use]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Called in the greenlet each time before it waits; must not wait itself. An error keeps it
    /// from waiting and is what the wait ends with.
    #[must_use]
    pub fn switch_out<R: CallbackResult>(mut self, hook: impl Fn() -> R + 'static) -> Self {
        self.switch_out = Some(Rc::new(move || hook().into_result()));
        self
    }

    /// What follows the address in its `Debug` output and in reports, instead of the place where it was
    /// spawned: gevent's `_formatinfo`.
    ///
    /// ```
    /// let greenlet = gevent::Greenlet::<()>::builder()
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
    ///
    /// # Panics
    /// As [`Greenlet::spawn`].
    #[track_caller]
    pub fn spawn<R: Outcome>(self, function: impl FnOnce() -> R + 'static) -> Greenlet<R::Value> {
        let greenlet = self.build(function);
        greenlet.start_or_end();
        greenlet
    }

    /// Makes the greenlet and starts it `seconds` from now.
    ///
    /// # Errors
    /// As [`Greenlet::spawn_later`].
    #[track_caller]
    pub fn spawn_later<R: Outcome>(
        self,
        seconds: impl Seconds,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<Greenlet<R::Value>, Exception> {
        hub::try_get_hub()?;
        let greenlet = self.build(function);
        greenlet.start_later(seconds)?;
        Ok(greenlet)
    }
}

impl<T: 'static> Greenlet<T> {
    /// Settings first: name, stack size, hooks.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

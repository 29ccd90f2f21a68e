//! Things that users attach to a greenlet: a name, and values by their type.

use std::any::{Any, TypeId};
use std::rc::Rc;

use crate::attached;
use crate::core::RawGreenlet;
use crate::exception::Thrown;
use crate::park::Aside;

/// The name of a greenlet.
#[derive(Clone)]
pub(crate) enum Name {
    Given(Rc<str>),
    /// The function is called each time that somebody asks for the name.
    Made(Rc<dyn Fn() -> String>),
}

/// Fields that few greenlets need, allocated apart so that the others do not pay for them.
#[derive(Default)]
pub(crate) struct Extra {
    pub(crate) name: Option<Name>,
    locals: Vec<(TypeId, Rc<dyn Any>)>,
    pub(crate) parks: Vec<Aside>,
    /// The exceptions thrown into the greenlet, except the latest, which is `GreenletCore::thrown`.
    pub(crate) thrown: Vec<Thrown>,
}

impl RawGreenlet {
    /// Attaches `value` to this greenlet and returns the value of the same type that was there.
    /// The type is the key, so wrap the value in a type of your own. Values stay until the last
    /// handle is gone.
    ///
    /// ```
    /// use greenlet_core::{RawGreenlet, Value, getcurrent};
    ///
    /// #[derive(Debug, PartialEq)]
    /// struct RequestId(u32);
    ///
    /// let g = RawGreenlet::new(|_| {
    ///     assert_eq!(getcurrent().local::<RequestId>().as_deref(), Some(&RequestId(7)));
    ///     Ok(Value::None)
    /// });
    /// g.set_local(RequestId(7));
    /// g.switch(())?;
    /// assert_eq!(getcurrent().local::<RequestId>(), None);
    /// # Ok::<(), greenlet_core::Exception>(())
    /// ```
    ///
    /// Source: attributes of greenlet objects, and `gr_context`.
    pub fn set_local<T: 'static>(&self, value: T) -> Option<Rc<T>> {
        let value: Rc<dyn Any> = Rc::new(value);
        let mut extra = self.core().extra.borrow_mut();
        let locals = &mut extra.get_or_insert_default().locals;
        let old = match locals.iter_mut().find(|(id, _)| *id == TypeId::of::<T>()) {
            Some((_, old)) => Some(std::mem::replace(old, value)),
            None => {
                locals.push((TypeId::of::<T>(), value));
                None
            }
        };
        drop(extra);
        old.and_then(|old| old.downcast().ok())
    }

    /// The value of type `T` attached to this greenlet.
    #[inline]
    pub fn local<T: 'static>(&self) -> Option<Rc<T>> {
        let extra = self.core().extra.borrow();
        let locals = &extra.as_ref()?.locals;
        let (_, value) = locals.iter().find(|(id, _)| *id == TypeId::of::<T>())?;
        value.clone().downcast().ok()
    }

    /// Takes the value of type `T` off this greenlet.
    pub fn take_local<T: 'static>(&self) -> Option<Rc<T>> {
        let mut extra = self.core().extra.borrow_mut();
        let locals = &mut extra.as_mut()?.locals;
        let index = locals.iter().position(|(id, _)| *id == TypeId::of::<T>())?;
        let (_, value) = locals.swap_remove(index);
        drop(extra);
        value.downcast().ok()
    }

    /// Attaches the values of `other` to this greenlet too, except those of a type that it has
    /// already; both share the values then. A child that is to inherit its creator's context begins
    /// with this.
    ///
    /// Source: `copy_context` as gevent uses it for new greenlets.
    pub fn inherit_locals(&self, other: &RawGreenlet) {
        let inherited = match &*other.core().extra.borrow() {
            Some(extra) if !extra.locals.is_empty() => extra.locals.clone(),
            _ => return,
        };
        let mut extra = self.core().extra.borrow_mut();
        let locals = &mut extra.get_or_insert_default().locals;
        for (id, value) in inherited {
            if locals.iter().all(|(own, _)| *own != id) {
                locals.push((id, value));
            }
        }
    }

    /// Names the greenlet, for lists and for messages.
    pub fn set_name(&self, name: impl Into<Rc<str>>) {
        self.replace_name(Name::Given(name.into()));
    }

    /// Names the greenlet by a function that is called when somebody asks for the name: for many greenlets whose
    /// names are rarely needed. The message about a stack overflow leaves such a name out.
    ///
    /// ```
    /// use greenlet_core::{RawGreenlet, Value};
    ///
    /// let g = RawGreenlet::new(|_| Ok(Value::None));
    /// let id = 7;
    /// g.set_name_with(move || format!("job {id}"));
    /// assert_eq!(g.name().as_deref(), Some("job 7"));
    /// ```
    pub fn set_name_with(&self, name: impl Fn() -> String + 'static) {
        self.replace_name(Name::Made(Rc::new(name)));
    }

    fn replace_name(&self, name: Name) {
        let mut extra = self.core().extra.borrow_mut();
        let old = extra.get_or_insert_default().name.replace(name);
        drop(extra);
        // Dropping a name may run user code, which may use the greenlet's name: nothing is borrowed here.
        drop(old);
    }

    /// The name set by [`set_name`](Self::set_name) or [`set_name_with`](Self::set_name_with), or else the one
    /// that its [`Label`](crate::Label) returns.
    pub fn name(&self) -> Option<Rc<str>> {
        let extra = self.core().extra.borrow();
        let name = extra.as_ref().and_then(|extra| extra.name.clone());
        // The functions below may be user code: nothing is borrowed while they run.
        drop(extra);
        match name {
            Some(Name::Given(name)) => Some(name),
            Some(Name::Made(make)) => Some(make().into()),
            None => attached::label(self).map(Rc::from),
        }
    }
}

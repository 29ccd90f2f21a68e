//! Values that belong to one greenlet: the counterpart of attributes on Python's greenlets.

use std::any::Any;
use std::rc::Rc;

use crate::greenlet::RawGreenlet;

impl RawGreenlet {
    /// This greenlet's value of type `T`, if it was [set](RawGreenlet::set_local).
    pub fn local<T: 'static>(&self) -> Option<Rc<T>> {
        let locals = self.core().locals.borrow();
        locals
            .iter()
            .find_map(|value| value.clone().downcast().ok())
    }

    /// Sets this greenlet's value of type `T`; of each type there is one.
    pub fn set_local<T: 'static>(&self, value: T) {
        let value: Rc<dyn Any> = Rc::new(value);
        let mut locals = self.core().locals.borrow_mut();
        match locals.iter_mut().find(|old| old.is::<T>()) {
            Some(slot) => {
                let old = std::mem::replace(slot, value);
                // Dropped after the borrow: dropping may run user code.
                drop(locals);
                drop(old);
            }
            None => locals.push(value),
        }
    }
}

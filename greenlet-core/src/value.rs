//! What a switch carries.

use std::any::Any;
use std::fmt;

/// What travels with a switch from one greenlet to another.
///
/// The runtime's own switches use [`Value::None`] and [`Value::Token`], which cost no
/// allocation; a user's value is boxed.
#[derive(Default)]
pub enum Value {
    /// Nothing, Python's `None`.
    #[default]
    None,
    /// A word whose meaning the two sides agreed on.
    Token(u64),
    /// Anything else.
    Any(Box<dyn Any>),
}

impl Value {
    /// Boxes a value of any type.
    pub fn new<T: 'static>(value: T) -> Self {
        Value::Any(Box::new(value))
    }

    /// Whether this is [`Value::None`].
    pub fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }

    /// Takes the value out if it is a `T`.
    ///
    /// # Errors
    /// Returns the value itself when it is something else.
    pub fn downcast<T: 'static>(self) -> Result<T, Value> {
        match self {
            Value::Any(any) => any.downcast().map(|t| *t).map_err(Value::Any),
            other => Err(other),
        }
    }

    /// Looks at the value if it is a `T`.
    pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        match self {
            Value::Any(any) => any.downcast_ref(),
            _ => None,
        }
    }
}

impl From<()> for Value {
    fn from((): ()) -> Self {
        Value::None
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::None => f.write_str("None"),
            Value::Token(token) => write!(f, "Token({token:#x})"),
            Value::Any(_) => f.write_str("Any(..)"),
        }
    }
}

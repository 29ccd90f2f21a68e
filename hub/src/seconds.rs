//! [`Seconds`]: the trait of every argument that is a time.

use std::time::Duration;

use crate::exceptions::InvalidSeconds;

/// A number of seconds, or none for no limit. Every `seconds` and `timeout` argument takes it.
///
/// Floats and integers are seconds, a [`Duration`] is itself, and `None` means no limit.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a time",
    label = "a time is a number of seconds, a `Duration`, or `None` for ever",
    note = "if it may be none, it is an `Option<f64>`: `Some(5.0)`; a `Duration`: `.map(|duration| duration.as_secs_f64())`"
)]
pub trait Seconds {
    /// The time in seconds; `None` means no limit.
    fn seconds(self) -> Option<f64>;

    /// The time in seconds, checked.
    ///
    /// # Errors
    /// [`InvalidSeconds`] if the time is NaN.
    fn checked(self) -> Result<Option<f64>, InvalidSeconds>
    where
        Self: Sized,
    {
        match self.seconds() {
            Some(seconds) if seconds.is_nan() => Err(InvalidSeconds(seconds)),
            seconds => Ok(seconds),
        }
    }
}

/// The time, or infinity for none: libev's way to say never.
pub(crate) fn or_never(time: impl Seconds) -> f64 {
    time.seconds().unwrap_or(f64::INFINITY)
}

impl Seconds for Duration {
    fn seconds(self) -> Option<f64> {
        Some(self.as_secs_f64())
    }
}

/// `None` needs no type annotation, because this is the only `Option` that is a time.
impl Seconds for Option<f64> {
    fn seconds(self) -> Option<f64> {
        self
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Seconds for $number {
            fn seconds(self) -> Option<f64> {
                Some(self as f64)
            }
        }
    )*};
}

numbers!(f64, f32, i32, u32, i64, u64, usize, isize, i16, u16, i8, u8);

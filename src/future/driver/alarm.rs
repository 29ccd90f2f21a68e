//! [`Alarm`]: wakes the driver's task when the loop's descriptor can be read, or a time is over.

use std::task::{Context, Poll};
use std::time::Duration;

use greenlet_core::Exception;
use hub::core::OuterWait;

use super::alarm_thread::AlarmThread;
#[cfg(feature = "tokio")]
use super::tokio_alarm::TokioAlarm;

pub(super) enum Alarm {
    Thread(AlarmThread),
    #[cfg(feature = "tokio")]
    Tokio(TokioAlarm),
}

impl Alarm {
    pub(super) fn thread(wait: &OuterWait) -> Result<Alarm, Exception> {
        Ok(Alarm::Thread(AlarmThread::start(wait)?))
    }

    #[cfg(feature = "tokio")]
    pub(super) fn tokio(wait: &OuterWait) -> Result<Alarm, Exception> {
        Ok(Alarm::Tokio(TokioAlarm::new(wait)?))
    }

    /// Sets the alarm anew: it goes off when the descriptor can be read, and after this time, if there is one.
    ///
    /// What is there already when this is called need not count: the wait has just begun, and found nothing.
    pub(super) fn set(&mut self, limit: Option<Duration>) -> Result<(), Exception> {
        match self {
            Alarm::Thread(alarm) => alarm.set(limit),
            #[cfg(feature = "tokio")]
            Alarm::Tokio(alarm) => alarm.set(limit),
        }
    }

    /// Ready once when the alarm has gone off since it was set. It may go off without a cause.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, Exception> {
        match self {
            Alarm::Thread(alarm) => Ok(alarm.poll(context)),
            #[cfg(feature = "tokio")]
            Alarm::Tokio(alarm) => alarm.poll(context),
        }
    }

    /// Has the task polled again, after the others of the executor.
    pub(super) fn wake_soon(&self, context: &mut Context<'_>) {
        match self {
            Alarm::Thread(_) => context.waker().wake_by_ref(),
            #[cfg(feature = "tokio")]
            Alarm::Tokio(_) => super::tokio_alarm::wake_soon(context),
        }
    }
}

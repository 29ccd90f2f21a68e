//! What senders and receivers share.

use std::collections::VecDeque;
use std::mem;
use std::sync::mpsc::{RecvTimeoutError, SendError, TryRecvError, TrySendError};
use std::time::Instant;

use crate::sync::line::{Called, Entered, Line, Monitor, calls_nobody, raise};

pub(super) struct Channel<T> {
    /// How many messages can be stored. None if there is no limit. If it is zero, a sender waits until its message is
    /// taken.
    capacity: Option<usize>,
    state: Monitor<State<T>>,
}

struct State<T> {
    messages: VecDeque<Message<T>>,
    /// How many senders there are.
    senders: usize,
    has_receiver: bool,
    /// Those who wait for room or, without a capacity, until their message is taken.
    sending: Line,
    receiving: Line,
}

struct Message<T> {
    value: T,
    /// The number of the sender that waits until this is taken.
    sender: Option<u64>,
}

impl<T> Channel<T> {
    /// One with a sender and a receiver.
    pub(super) const fn new(capacity: Option<usize>) -> Channel<T> {
        let state = State {
            messages: VecDeque::new(),
            senders: 1,
            has_receiver: true,
            sending: Line::new(),
            receiving: Line::new(),
        };
        Channel {
            capacity,
            state: Monitor::new(state),
        }
    }

    /// Sends without waiting.
    pub(super) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let state = self.state.enter();
        if !state.has_receiver {
            drop(state);
            return Err(TrySendError::Disconnected(value));
        }
        if !self.has_room(&state) {
            drop(state);
            return Err(TrySendError::Full(value));
        }
        self.store(state, value);
        Ok(())
    }

    /// Sends, and waits until there is room, or until the message is taken.
    pub(super) fn send(&self, value: T) -> Result<(), SendError<T>> {
        let mut state = self.state.enter();
        if self.capacity == Some(0) {
            return self.hand_over(state, value);
        }
        let mut waiter = None;
        loop {
            if !state.has_receiver {
                drop(state);
                return Err(SendError(value));
            }
            if self.has_room(&state) {
                self.store(state, value);
                return Ok(());
            }
            let waiter = match &mut waiter {
                None => waiter.insert(state.sending.join(())),
                Some(waiter) => {
                    state.sending.rejoin(waiter, ());
                    waiter
                }
            };
            // The room that it was called for is the next one's.
            let gives_up = |state: &mut State<T>, called| match called {
                true => state.sending.call_first(),
                false => Called::default(),
            };
            match (self.state).wait(state, waiter, |state| &mut state.sending, None, gives_up) {
                Ok((entered, _)) => state = entered,
                Err(thrown) => {
                    drop(value);
                    raise(thrown);
                }
            }
        }
    }

    /// Sends, and waits until the message is taken.
    fn hand_over<'a>(&'a self, mut state: Entered<'a, State<T>>, value: T) -> Result<(), SendError<T>> {
        if !state.has_receiver {
            drop(state);
            return Err(SendError(value));
        }
        let waiter = state.sending.join(());
        let number = waiter.number();
        state.messages.push_back(Message {
            value,
            sender: Some(number),
        });
        let called = state.receiving.call_first();
        drop(state);
        called.wake();
        // The message of one that is left behind stays, and is received.
        match (self.state).park(&waiter, |state| &mut state.sending, None, calls_nobody) {
            Ok((mut state, called)) => {
                let is_taken = called && state.has_receiver;
                let back = match is_taken {
                    true => None,
                    false => state.take_back(number),
                };
                drop(state);
                back.map_or(Ok(()), |value| Err(SendError(value)))
            }
            Err(thrown) => {
                let back = self.state.enter().take_back(number);
                drop(back);
                raise(thrown)
            }
        }
    }

    /// Whether a message can be stored. Without a capacity: whether a receiver waits, who has not been called.
    fn has_room(&self, state: &State<T>) -> bool {
        match self.capacity {
            None => true,
            Some(0) => !state.receiving.is_empty(),
            Some(capacity) => state.messages.len() < capacity,
        }
    }

    fn store(&self, mut state: Entered<'_, State<T>>, value: T) {
        state.messages.push_back(Message { value, sender: None });
        let called = state.receiving.call_first();
        drop(state);
        called.wake();
    }

    /// Takes a message, if there is one.
    pub(super) fn try_receive(&self) -> Result<T, TryRecvError> {
        match self.take(self.state.enter()) {
            Ok(value) => Ok(value),
            Err(state) if state.senders == 0 => Err(TryRecvError::Disconnected),
            Err(_) => Err(TryRecvError::Empty),
        }
    }

    /// Waits for a message.
    pub(super) fn receive(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        let mut state = self.state.enter();
        let mut is_over = false;
        loop {
            state = match self.take(state) {
                Ok(value) => return Ok(value),
                Err(state) => state,
            };
            if state.senders == 0 {
                return Err(RecvTimeoutError::Disconnected);
            }
            if is_over {
                return Err(RecvTimeoutError::Timeout);
            }
            let waiter = state.receiving.join(());
            // A message that has come stays for the next time. There is one receiver only.
            let parked = (self.state).wait(state, &waiter, |state| &mut state.receiving, deadline, calls_nobody);
            let called;
            (state, called) = parked.unwrap_or_else(|thrown| raise(thrown));
            is_over = !called;
        }
    }

    fn take<'a>(&self, mut state: Entered<'a, State<T>>) -> Result<T, Entered<'a, State<T>>> {
        let Some(Message { value, sender }) = state.messages.pop_front() else {
            return Err(state);
        };
        let called = match sender {
            Some(number) => state.sending.call(number),
            None if self.capacity == Some(0) => Called::default(),
            None => state.sending.call_first(),
        };
        drop(state);
        called.wake();
        Ok(value)
    }

    pub(super) fn sender_comes(&self) {
        self.state.enter().senders += 1;
    }

    pub(super) fn sender_goes(&self) {
        let mut state = self.state.enter();
        state.senders -= 1;
        if state.senders == 0 {
            let called = state.receiving.call_all();
            drop(state);
            called.wake();
        }
    }

    pub(super) fn receiver_goes(&self) {
        let mut state = self.state.enter();
        state.has_receiver = false;
        let called = state.sending.call_all();
        // Whoever waits until its message is taken gets that back.
        let messages = mem::take(&mut state.messages);
        let (returned, lost) = messages.into_iter().partition(|message| message.sender.is_some());
        state.messages = returned;
        drop(state);
        called.wake();
        drop::<VecDeque<_>>(lost);
    }
}

impl<T> State<T> {
    /// Takes the message out of the queue that this sender waits for.
    fn take_back(&mut self, number: u64) -> Option<T> {
        let index = self
            .messages
            .iter()
            .position(|message| message.sender == Some(number))?;
        self.messages.remove(index).map(|message| message.value)
    }
}

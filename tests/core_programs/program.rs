//! The operations of programs, and the strategies that make random programs.

use proptest::prelude::*;

/// One operation of a program. The numbers are those of machine.c.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Op {
    Start(Slot),
    Stop(Slot),
    Close(Slot),
    Feed(Slot, Revents),
    Again(Slot),
    SetTimes(Slot, After, Repeat),
    SetRef(Slot, bool),
    SetPriority(Slot, i32),
    /// Makes the watcher's callback perform this operation from now on.
    React(Slot, Box<Op>),
    Put(usize),
    Get(usize),
    Send,
    RunNowait,
    /// Runs the loop with an alarm, which ends the run when the loop has waited once.
    RunOnce,
    Run,
    Break(i32),
    /// Queues a callback that performs the watcher's reaction.
    Queue(Slot),
    StopQueued(usize),
    Ref,
    Unref,
    Verify,
    Nothing,
}

/// The time when a timer is due first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum After {
    Past,
    Never,
}

/// The time between later firings of a timer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Repeat {
    Once,
    /// In each iteration, for the first timer; for others it is the same as `HardlyEver`.
    EachIteration,
    HardlyEver,
}

/// The number of a watcher.
pub(crate) type Slot = usize;
/// libev's events.
pub(crate) type Revents = i32;

/// [`Op`] in the form that machine.c takes.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawOp {
    code: i32,
    a: i32,
    b: i32,
    c: i32,
}

impl Op {
    pub(crate) fn raw(&self) -> RawOp {
        let (code, a, b, c) = match *self {
            Op::Start(slot) => (0, slot as i32, 0, 0),
            Op::Stop(slot) => (1, slot as i32, 0, 0),
            Op::Close(slot) => (2, slot as i32, 0, 0),
            Op::Feed(slot, revents) => (3, slot as i32, revents, 0),
            Op::Again(slot) => (4, slot as i32, 0, 0),
            Op::SetTimes(slot, after, repeat) => (5, slot as i32, after as i32, repeat as i32),
            Op::SetRef(slot, ref_) => (6, slot as i32, i32::from(ref_), 0),
            Op::SetPriority(slot, priority) => (7, slot as i32, priority, 0),
            Op::React(slot, _) => (8, slot as i32, 0, 0),
            Op::Put(pair) => (9, pair as i32, 0, 0),
            Op::Get(pair) => (10, pair as i32, 0, 0),
            Op::Send => (11, 0, 0, 0),
            Op::RunNowait => (12, 0, 0, 0),
            Op::RunOnce => (13, 0, 0, 0),
            Op::Run => (14, 0, 0, 0),
            Op::Break(how) => (15, how, 0, 0),
            Op::Queue(slot) => (16, slot as i32, 0, 0),
            Op::StopQueued(index) => (17, index as i32, 0, 0),
            Op::Ref => (18, 0, 0, 0),
            Op::Unref => (19, 0, 0, 0),
            Op::Verify => (20, 0, 0, 0),
            Op::Nothing => (21, 0, 0, 0),
        };
        RawOp { code, a, b, c }
    }

    /// The inner operation of a reaction, as a second argument for machine.c.
    pub(crate) fn raw_reaction(&self) -> RawOp {
        match self {
            Op::React(_, reaction) => reaction.raw(),
            _ => Op::Nothing.raw(),
        }
    }
}

/// The numbers of the timers. `ALL` has those of all watchers except the alarm.
const TIMERS: std::ops::RangeInclusive<Slot> = 1..=4;
const ALL: std::ops::RangeInclusive<Slot> = 1..=12;

fn revents() -> impl Strategy<Value = Revents> {
    use hub::core::Events;
    prop::sample::select(vec![Events::READ.bits(), Events::TIMER.bits(), Events::CUSTOM.bits()])
}

fn after() -> impl Strategy<Value = After> {
    prop_oneof![Just(After::Past), Just(After::Never)]
}

fn repeat() -> impl Strategy<Value = Repeat> {
    prop_oneof![
        Just(Repeat::Once),
        Just(Repeat::EachIteration),
        Just(Repeat::HardlyEver)
    ]
}

/// An operation that a callback may perform, too.
fn simple() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => ALL.prop_map(Op::Start),
        4 => ALL.prop_map(Op::Stop),
        1 => ALL.prop_map(Op::Close),
        4 => (ALL, revents()).prop_map(|(slot, revents)| Op::Feed(slot, revents)),
        2 => TIMERS.prop_map(Op::Again),
        4 => (TIMERS, after(), repeat()).prop_map(|(slot, after, repeat)| Op::SetTimes(slot, after, repeat)),
        2 => (ALL, any::<bool>()).prop_map(|(slot, ref_)| Op::SetRef(slot, ref_)),
        2 => (ALL, -3..=3).prop_map(|(slot, priority)| Op::SetPriority(slot, priority)),
        2 => (0..2_usize).prop_map(Op::Put),
        2 => (0..2_usize).prop_map(Op::Get),
        1 => Just(Op::Send),
        2 => Just(Op::RunNowait),
        1 => (0..3).prop_map(Op::Break),
        2 => ALL.prop_map(Op::Queue),
        1 => (0..400_usize).prop_map(Op::StopQueued),
        1 => Just(Op::Ref),
        1 => Just(Op::Unref),
        1 => Just(Op::Verify),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => simple(),
        3 => (ALL, simple()).prop_map(|(slot, reaction)| Op::React(slot, Box::new(reaction))),
        2 => Just(Op::RunNowait),
        1 => Just(Op::RunOnce),
        1 => Just(Op::Run),
    ]
}

/// A program of hundreds of operations.
pub(crate) fn program() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 1..400)
}

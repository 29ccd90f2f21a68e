//! Other threads: pools of them, and what is shared with them.

use std::rc::Rc;
use std::sync::{Arc, Weak};

use gevent::threadpool::ThreadPool;
use gevent::{Exception, Link, get_hub, run_in_thread, sleep, spawn, spawn_raw};

use crate::canary::{Canary, Ledger};
use crate::world::{Shared, World};

/// What a pool's thread does: it uses greenlets, and leaves one parked.
fn task(ledger: &Arc<Ledger>, shared: &Arc<Shared>) -> Result<Canary, Exception> {
    let parked = Canary::new(ledger);
    spawn(move || {
        let _parked = parked;
        sleep(1000)
    });
    let canary = Canary::new(ledger);
    sleep(0)?;
    shared.event.wait_timeout(0.001)?;
    shared.event.set();
    let ended = spawn(move || canary);
    ended.get()
}

/// Takes the event's link away, however its greenlet ends.
struct UnlinkOnDrop(Weak<Shared>, Link);

impl Drop for UnlinkOnDrop {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.event.unlink(&self.1);
        }
    }
}

pub(super) fn step(world: &Rc<World>) -> Result<(), Exception> {
    let random = &world.random;
    let shared = &world.shared;
    let (ledger, its) = (world.ledger.clone(), shared.clone());
    match random.below(12) {
        // There can be no pool then.
        0..=2 if get_hub().loop_().now().is_err() => Ok(()),
        0..=2 => {
            let pool = world.one(&world.threadpools, || match random.below(2) {
                0 => ThreadPool::new(2),
                _ => gevent::threadpool::HubExt::threadpool(&get_hub()),
            });
            let result = pool.spawn(move || task(&ledger, &its))?;
            if random.once_in(2) {
                result.get_timeout(world.limit())?.look();
            }
            match random.below(6) {
                0 => pool.kill()?,
                1 => pool.join()?,
                2 => drop(world.take(&world.threadpools)),
                _ => {}
            }
            Ok(())
        }
        3 => {
            let thread = run_in_thread(move || task(&ledger, &its).map(drop))?;
            if thread.join().is_err() {
                crate::canary::fault("a thread has panicked");
            }
            Ok(())
        }
        4 => shared.event.wait_timeout(world.soon()).map(drop),
        5 => {
            match random.below(2) {
                0 => shared.event.set(),
                _ => shared.event.clear(),
            }
            Ok(())
        }
        6 => {
            let held = shared.semaphore.acquire_guard_timeout(world.soon())?;
            let done = world.steps(1);
            drop(held);
            done
        }
        7 => Ok(shared.queue.put_timeout(world.canary(), world.soon())?),
        8 => shared.queue.get_timeout(world.soon()).map(|canary| canary.look()),
        9 => {
            shared.result.set(1);
            shared.result.get_timeout(world.soon()).map(drop)
        }
        10 => {
            // The event outlives this thread's part of the program.
            let its = Rc::downgrade(world);
            let link = shared.event.rawlink(move |_| match its.upgrade() {
                Some(world) => world.act(2),
                None => Ok(()),
            });
            world.keep(&world.links, link.clone());
            // As long as it may be called from another thread, nobody is told that he waits in vain.
            let unlinks = UnlinkOnDrop(Arc::downgrade(shared), link);
            spawn_raw(move || {
                let _unlinks = unlinks;
                sleep(0.002)
            })
            .map(drop)
        }
        _ => {
            let canary = world.canary();
            let loop_ = {
                let mut loops = shared.loops.lock();
                if loops.len() > 3 {
                    loops.remove(0);
                }
                loops.push(get_hub().loop_().threadsafe());
                loops[random.below(loops.len() as u64) as usize].clone()
            };
            // It may be another thread's.
            let _ = loop_.run_callback_threadsafe(move || {
                canary.look();
                let _ = sleep(0);
                spawn(move || canary);
            });
            Ok(())
        }
    }
}

//! A budget of memory that is shared by all images in flight.

use crate::image::ImageError;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The budget.
pub(super) struct Room {
    total: u64,
    state: Mutex<State>,
    given_back: Condvar,
}

struct State {
    taken: u64,
    is_closed: bool,
}

/// Bytes of the budget, given back when it goes.
pub(crate) struct Share {
    room: Arc<Room>,
    bytes: u64,
}

impl Room {
    pub(super) fn new(total: u64) -> Self {
        Self { total, state: Mutex::new(State { taken: 0, is_closed: false }), given_back: Condvar::new() }
    }

    /// Takes so many bytes. Where others have to give some back first, `short` is told before (`true`) and after (`false`).
    ///
    /// # Errors
    /// [`ImageError::Room`] where the whole budget does not hold them.
    pub(super) fn take(self: &Arc<Self>, bytes: u64, short: &dyn Fn(bool)) -> Result<Share, ImageError> {
        let mut share = Share { room: Arc::clone(self), bytes: 0 };
        share.grow(bytes, short)?;
        Ok(share)
    }

    /// Ends all waiting, now and later: the work is over.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.given_back.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, bytes: u64) {
        self.lock().taken -= bytes;
        self.given_back.notify_all();
    }
}

impl Share {
    /// Takes so many bytes more, as [`Room::take`].
    pub(super) fn grow(&mut self, bytes: u64, short: &dyn Fn(bool)) -> Result<(), ImageError> {
        let Room { total, given_back, .. } = &*self.room;
        let needed = self.bytes.saturating_add(bytes);
        if needed > *total {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            return Err(ImageError::Room { needed_mib: mib(needed), room_mib: total >> 20 });
        }
        let is_early = |state: &State| !state.is_closed && state.taken.saturating_add(bytes) > *total;
        let mut state = self.room.lock();
        let is_waiting = is_early(&state);
        if is_waiting {
            // Not while the budget is locked: whoever is told may be about to give something back.
            drop(state);
            short(true);
            state = given_back.wait_while(self.room.lock(), |s| is_early(s)).unwrap_or_else(PoisonError::into_inner);
        }
        let is_closed = state.is_closed;
        if !is_closed {
            state.taken = state.taken.saturating_add(bytes);
        }
        drop(state);
        if is_waiting {
            short(false);
        }
        if is_closed {
            return Err(ImageError::Io { action: "read the file", source: io::ErrorKind::Interrupted.into() });
        }
        self.bytes = needed;
        Ok(())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives back all but so many bytes.
    pub(super) fn keep(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.room.give_back(self.bytes - bytes);
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn shares_are_given_back_and_those_that_wait_get_them() {
        let room = Arc::new(Room::new(100));
        let none = |_: bool| panic!("nothing to wait for");
        let mut first = room.take(60, &none).unwrap();
        let second = room.take(40, &none).unwrap();
        let refused = room.take(101, &none).err().unwrap().to_string();
        assert!(refused.contains("memory"), "{refused}");
        let (told, heard) = channel();
        std::thread::scope(|scope| {
            let waiting =
                scope.spawn(|| room.take(50, &|is_short| told.send(is_short).unwrap()).map(|share| share.bytes));
            assert!(heard.recv().unwrap());
            first.keep(10);
            assert!(!heard.recv().unwrap());
            assert_eq!(waiting.join().unwrap().unwrap(), 50);
        });
        drop((first, second));
        assert_eq!(room.lock().taken, 0);
    }

    #[test]
    fn a_closed_room_keeps_nobody_waiting() {
        let room = Arc::new(Room::new(100));
        let _all = room.take(100, &|_| ()).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| room.take(1, &|_| ()).is_err());
            room.close();
            assert!(waiting.join().unwrap());
        });
    }
}

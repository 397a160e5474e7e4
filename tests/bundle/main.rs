//! The `.pcore` file: round trips, damage, hostile files, and writing that is never half done.

mod atomic;
mod damage;
mod hostile;
mod round_trip;
mod sample;

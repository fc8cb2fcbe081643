//! Attempts that are carried out by the real executor, on a ledger, a platform, a gate and checks in memory.

mod approving;
mod calling;
mod clock;
mod crashes;
mod faults;
mod fleet;
mod losses;
mod people;
mod platform;
mod points;
mod progressing;
mod quieting;
mod recording;
mod records;
mod rivals;
mod samples;
mod schedule;
mod settling;
mod verifying;
mod workloads;
mod world;

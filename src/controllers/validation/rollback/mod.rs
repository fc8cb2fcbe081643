//! What the verdict on the live release means for a rollback: decided, put on record where one follows, and told.

mod issue;
mod outlook;
mod policy;
mod records;
mod rehearsal;
mod situation;
mod standing;

pub use self::{
    outlook::{Outlook, look},
    rehearsal::Rehearsals,
    situation::{as_records, services},
    standing::{Bearing, Standing},
};

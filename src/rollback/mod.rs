//! Brings a failed release back to the last one that was validated, once, and proves that it is back.
//!
//! | module | subject |
//! |---|---|
//! | `ledger` | what is on record of each attempt |

pub mod ledger;

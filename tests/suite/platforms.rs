//! Reading which release is live on Render: against the simulator where it can play the part, else against answers that
//! no sane platform gives.

mod failures;
mod finding;
mod hostile;
mod limits;
mod render;
mod secrecy;
mod sharing;

//! Faults between the binary and the API server, and its death, at request
//! after request: whatever becomes of a run, it tells the truth, and the next
//! command ends in a good state.

mod random;
mod scene;
mod single;
mod trouble;

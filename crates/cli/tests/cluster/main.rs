//! The binary against a real cluster: real controllers, a real node, real pods
//! from images pulled by digest. One cluster serves all of these tests, each
//! in a namespace of its own.

mod stage;
mod terminal;

mod story;

mod prober;

mod waiting;
mod preflight;
mod refused;

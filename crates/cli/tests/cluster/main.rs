//! The binary against a real cluster: real controllers, a real node, real pods
//! from images pulled by digest. One cluster serves all of these tests, each
//! in a namespace of its own.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod stage;
mod terminal;

mod recorded;

mod clock;
mod readme;
mod story;

mod prober;

mod credentials;
mod preflight;

mod refused;

mod fitness;
mod immutable;

mod ownership;

mod adoption;

mod one_namespace;
mod scaled;

mod clients_file;
mod confirmed;
mod counted;
mod failing;
mod kinds;
mod pruning;
mod rollback;
mod secrecy;
mod waiting;

mod packaged;

mod script;
mod tracking;
mod wrapper;

mod standing;
mod undeploy;

mod gate;

mod faults;
mod interrupts;
mod lease;

//! What packages hold: images, policy, references to Secrets.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod objects;

mod annotate;
mod find;
mod image_laws;
mod lock;
mod pin;
mod policy;
mod secret_refs;

//! Image tags to digests, from OCI registries.
//!
//! [`Resolver::resolve_all`] takes image references and answers each with the
//! digest that its registry gives for it now, or with what went wrong. It
//! needs no container engine, asks each reference once, and shares one token
//! among many requests. The digest of an image index stays that of the index:
//! no platform is chosen. [`Resolver::look_up`] asks whether what is named by
//! digest is still there.
//!
//! Nothing here reads the environment: whoever calls says where credentials
//! lie, which proxies to use and which hosts may be spoken to in plain HTTP.
//!
//! ```no_run
//! use registry::{Resolver, Settings};
//! let images = ["nginx:1.29-alpine".parse()?].into();
//! for (image, answer) in Resolver::new(Settings::default())?.resolve_blocking(&images) {
//!     assert!(image.pinned(answer?.digest).digest().is_some());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The modules are listed bottom-up: a module names only modules above it.

pub mod login;

pub mod error;

mod challenge;
mod docker_config;
mod media_type;
mod retry;

pub mod credentials;

pub mod address;

pub mod settings;

mod http;

mod document;
mod token;

mod access;

mod endpoint;

pub mod resolver;

mod report;

pub use credentials::Credentials;
pub use error::RegistryError;
pub use report::findings;
pub use resolver::{Answers, Resolved, Resolver};
pub use settings::Settings;

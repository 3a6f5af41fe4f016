//! Brings a cluster to a package: plan, apply, wait, record, roll back.
//!
//! This is the only crate that knows an API server. What is decided is decided
//! in pure functions over JSON; what is sent goes through one door, [`api`].
//!
//! The modules are listed bottom-up: a module names only modules above it.

pub mod object;
pub mod quantity;

pub mod asks;
pub mod fields;
pub mod redact;

pub mod diff;
pub mod known;
pub mod order;
pub mod ready;
pub mod without;

pub mod fence;
pub mod holder;
pub mod record;

pub mod api;

pub mod processes;

pub mod connect;
pub mod discovery;

mod look;

pub mod access;
pub mod health;
pub mod needs;
pub mod retained;

pub mod desired;
pub mod live;

pub mod draft;
pub mod state;

pub mod plan;
pub mod quota;

pub mod hold;
pub mod records;

pub mod script;

pub mod overview;

pub mod apply;
pub mod evidence;
pub mod read;
pub mod wait;

pub mod event;

pub mod stages;

pub mod run;

pub mod undeploy;

//! Secrets: which ones the objects read, and secrets.env.enc, which says where
//! they come from and never what they are.

pub mod vault_path;

pub mod derive;
pub mod document;

pub use derive::{Need, Reader, SecretNeed, derive};
pub use document::{Document, Header, VaultSettings, parse, print};
pub use vault_path::VaultPath;

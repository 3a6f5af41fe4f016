//! Secrets: which ones the objects read, and secrets.env.enc, which says where
//! they come from and never what they are.

pub mod vault_path;

pub mod derive;
pub mod document;

pub mod parse;

pub use derive::{Need, Reader, SecretNeed, derive};
pub use document::{Document, Header, KeyLine, Listed, PathLine, Source, VaultSettings};
pub use parse::parse;
pub use vault_path::{VaultMount, VaultPath, VaultPathError};

/// Where the file is in a package.
pub const FILE_NAME: &str = "secrets.env.enc";

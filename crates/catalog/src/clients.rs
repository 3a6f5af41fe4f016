//! Clients: the directories below `k8s/clients`.

use model::files::{FileError, Kind, Root};
use model::name::ClientName;
use model::path::RelPath;

/// What a clients directory holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Clients {
    /// The clients, by name.
    pub names: Vec<ClientName>,
    /// Directories whose names no client may have, escaped.
    pub odd: Vec<String>,
}

/// Lists the clients of a clients directory; a missing one has none.
///
/// Source of the rule: specification, "Package Generation Workflow": a client
/// is a directory below `k8s/clients`.
pub fn list(root: &Root, directory: &RelPath) -> Result<Clients, FileError> {
    let entries = match root.list(directory) {
        Ok(entries) => entries,
        Err(e) if e.is_missing() => return Ok(Clients::default()),
        Err(e) => return Err(e),
    };
    let mut clients = Clients::default();
    for entry in entries {
        if entry.kind != Kind::Directory || entry.name.as_bytes().starts_with(b".") {
            continue;
        }
        match entry.name.as_str().and_then(|name| name.parse().ok()) {
            Some(name) => clients.names.push(name),
            None => clients.odd.push(entry.name.to_string()),
        }
    }
    clients.names.sort();
    Ok(clients)
}

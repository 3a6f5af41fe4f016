//! `deploy.sh`: one constant script per package format.
//!
//! It holds no value of any client: it reads client, version and namespace
//! from MANIFEST.json when it runs, and checks them. So there is nothing to
//! quote, and a script that is not known was changed by someone.

use crate::manifest::FORMAT;

/// The file's name in a package.
pub const FILE_NAME: &str = "deploy.sh";

/// The script of format 1.
pub const TEXT: &str = include_str!("deploy.sh");

/// Every script that a released program ever wrote, with its format.
pub const KNOWN: [(u64, &str); 1] = [(FORMAT, TEXT)];

/// Whether this is a script that consign wrote for this format.
///
/// ```
/// use package::deploy_script;
/// assert!(deploy_script::is_known(1, deploy_script::TEXT.as_bytes()));
/// assert!(!deploy_script::is_known(1, b"#!/bin/bash\n"));
/// ```
pub fn is_known(format: u64, bytes: &[u8]) -> bool {
    KNOWN
        .iter()
        .any(|(known, text)| *known == format && text.as_bytes() == bytes)
}

//! The root: the hosting repository that a command works in.

use std::path::{Path, PathBuf};

use model::files::Root;
use model::finding::{Class, Finding};
use model::path::RelPath;
use package::open::{OpenOptions, Placement};

use crate::settings::{self, Settings};

/// A root and what its consign.yaml says.
pub struct Hosting {
    /// The directory, held open.
    pub root: Root,
    /// Its settings.
    pub settings: Settings,
    /// The settings file's bytes, when there is one.
    pub settings_bytes: Option<Vec<u8>>,
}

/// The largest consign.yaml that is read, in bytes.
const SETTINGS_MAX: u64 = 1 << 20;

/// Whether a directory looks like a root.
fn is_root(directory: &Path) -> bool {
    directory.join(settings::FILE).is_file() || directory.join("k8s/clients").is_dir()
}

/// The root asked for, else the nearest directory from here upwards that looks
/// like one.
pub fn find(asked: Option<&Path>, here: &Path) -> Option<PathBuf> {
    match asked {
        Some(directory) => Some(here.join(directory)),
        None => here.ancestors().find(|d| is_root(d)).map(Path::to_path_buf),
    }
}

impl Hosting {
    /// Opens the root asked for or found.
    pub fn open(asked: Option<&Path>, here: &Path) -> Result<Self, Vec<Finding>> {
        let Some(directory) = find(asked, here) else {
            return Err(vec![
                Finding::error(
                    "root-missing",
                    Class::Usage,
                    format!(
                        "No hosting repository here: neither {} nor any directory above it holds {} or k8s/clients",
                        here.display(),
                        settings::FILE
                    ),
                )
                .help("Give one with --root, or make one with: consign init"),
            ]);
        };
        Self::at(&directory)
    }

    /// Opens the root asked for or found, for a command that also does without
    /// one.
    pub fn beside(asked: Option<&Path>, here: &Path) -> Result<Option<Self>, Vec<Finding>> {
        match find(asked, here) {
            Some(directory) => Self::at(&directory).map(Some),
            None => Ok(None),
        }
    }

    /// Opens this directory as the root.
    pub fn at(directory: &Path) -> Result<Self, Vec<Finding>> {
        let root = Root::open(directory).map_err(|e| {
            vec![
                Finding::error(
                    "root-unreadable",
                    Class::Usage,
                    format!("Cannot open the root {}: {e}", directory.display()),
                )
                .help("Give the hosting repository's directory with --root"),
            ]
        })?;
        let file: RelPath = settings::FILE.parse().unwrap_or_default();
        let settings_bytes = match root.read(&file, SETTINGS_MAX) {
            Ok(bytes) => Some(bytes),
            Err(e) if e.is_missing() => None,
            Err(e) => return Err(vec![e.into()]),
        };
        let settings = match &settings_bytes {
            None => Settings::default(),
            Some(bytes) => Settings::parse(std::str::from_utf8(bytes).map_err(|e| {
                vec![
                    Finding::error(
                        "setting-invalid",
                        Class::Usage,
                        format!("the settings are not UTF-8 from byte {}", e.valid_up_to()),
                    )
                    .in_file(settings::FILE),
                ]
            })?)?,
        };
        Ok(Self {
            root,
            settings,
            settings_bytes,
        })
    }

    /// How packages of this root are opened.
    pub fn open_options(&self) -> OpenOptions {
        OpenOptions {
            cluster_kinds: self.settings.cluster_kinds.clone(),
            registries: self.settings.allowed_registries.clone(),
            placement: Placement::Refused,
            ..OpenOptions::default()
        }
    }
}

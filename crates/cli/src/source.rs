//! A client's source: its directory, what a build of it read, and the images
//! it names.

use std::collections::BTreeSet;

use model::digest::{Digest, Hasher};
use model::files::{Area, Kind};
use model::finding::{Class, Finding};
use model::image::ImageRef;
use model::name::ClientName;
use model::object::Object;
use model::path::RelPath;
use package::images::{self, Found, ImageLock};

use crate::root::Hosting;
use crate::settings::{self, LoadRestrictor};

/// The lock file in a client's directory.
pub const LOCK_FILE: &str = "images.lock";

/// What may be read for one client, and where its directory is.
pub struct Source<'h> {
    /// Whose it is.
    pub client: ClientName,
    /// Its directory, from the root.
    pub directory: RelPath,
    /// What may be read for it, and what was.
    pub area: Area<'h>,
    hosting: &'h Hosting,
}

/// A client's name from the command line.
pub fn client_name(text: &str) -> Result<ClientName, Finding> {
    text.parse().map_err(|e| {
        Finding::error(
            "client-name-invalid",
            Class::Usage,
            format!("Invalid client name: {text}: {e}"),
        )
        .help("Use up to 53 lower-case letters, digits and '-', beginning and ending with a letter or digit")
    })
}

/// What no client's build may read: other clients, packages, archive and
/// config.
pub fn denied(hosting: &Hosting) -> Vec<RelPath> {
    let settings = &hosting.settings;
    let mut denied = settings.private.clone();
    denied.push(settings.clients.clone());
    denied.push(settings.packages.clone());
    denied
}

impl<'h> Source<'h> {
    /// Finds a client's directory.
    pub fn find(hosting: &'h Hosting, client: ClientName) -> Result<Self, Vec<Finding>> {
        let directory = hosting
            .settings
            .clients
            .join(client.as_str())
            .map_err(|e| {
                vec![Finding::error(
                    "client-name-invalid",
                    Class::Usage,
                    format!("Invalid client name: {client}: {e}"),
                )]
            })?;
        let area = Area::new(&hosting.root, denied(hosting), directory.clone());
        let kind = area.kind(&directory).map_err(|e| vec![e.into()])?;
        if kind != Some(Kind::Directory) {
            return Err(vec![missing(hosting, &client, &directory)]);
        }
        Ok(Self {
            client,
            directory,
            area,
            hosting,
        })
    }

    /// The client's objects, as `kustomize build` gives them, and its warnings.
    pub fn render(&self) -> Result<render::Rendered, Vec<Finding>> {
        render::build(
            &self.area,
            &self.directory,
            &options(self.hosting.settings.load_restrictor),
        )
    }

    /// Its images.lock, if it has one.
    pub fn lock(&self) -> Result<Option<ImageLock>, Vec<Finding>> {
        let path = self.lock_path();
        let bytes = match self.area.read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.is_missing() => return Ok(None),
            Err(e) => return Err(vec![e.into()]),
        };
        let text = std::str::from_utf8(&bytes).map_err(|e| {
            vec![
                Finding::error(
                    "lock-invalid",
                    Class::Usage,
                    format!("the lock is not UTF-8 from byte {}", e.valid_up_to()),
                )
                .in_file(path.as_str()),
            ]
        })?;
        ImageLock::parse(text, path.as_str()).map(Some)
    }

    /// Where its images.lock is, from the root.
    pub fn lock_path(&self) -> RelPath {
        self.directory.join(LOCK_FILE).unwrap_or_default()
    }

    /// The images that these objects name.
    pub fn images(&self, objects: &[Object]) -> Found {
        images::find(objects, &self.hosting.settings.images)
    }

    /// Notes that consign.yaml was read: it decides what a package holds.
    pub fn note_settings(&self) -> Result<(), Finding> {
        if self.hosting.settings_bytes.is_some() {
            let path: RelPath = settings::FILE.parse().unwrap_or_default();
            self.area.read(&path)?;
        }
        Ok(())
    }

    /// SHA-256 over `<sha256>  <path from root>\n` of every file read, sorted
    /// by path bytes (package format 1, `source_digest`).
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::default();
        for (path, file) in self.area.reads() {
            hasher.update(format!("{}  {path}\n", file.digest.hex()).as_bytes());
        }
        hasher.finish()
    }
}

fn missing(hosting: &Hosting, client: &ClientName, directory: &RelPath) -> Finding {
    let full = hosting.root.path().join(directory.as_str());
    Finding::error(
        "client-missing",
        Class::Usage,
        format!("Client directory not found: {}", full.display()),
    )
    .help(format!(
        "Create client first with: create-client.sh --name {client} --type <type>"
    ))
}

/// How a client is rendered.
pub fn options(restrictor: LoadRestrictor) -> render::Options {
    render::Options {
        reorder: render::Reorder::Legacy,
        load_restrictor: match restrictor {
            LoadRestrictor::RootOnly => render::LoadRestrictor::RootOnly,
            LoadRestrictor::Repository => render::LoadRestrictor::Repository,
        },
    }
}

/// The images that are named without a digest and that the lock does not hold.
pub fn floating(found: &Found, lock: &ImageLock) -> BTreeSet<ImageRef> {
    found
        .set()
        .into_iter()
        .filter(|image| image.digest().is_none() && lock.get(image).is_none())
        .collect()
}

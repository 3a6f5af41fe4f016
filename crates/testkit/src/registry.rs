//! Debian's `docker-registry`: open, with passwords, with TLS, with tokens.
//!
//! Images are pushed by the registry's own API.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::digest::Digest;
use serde_json::{Value, json};

use crate::certificate::{Certificate, run};
use crate::directory::Directory;
use crate::http::{Reply, Request};
use crate::process::{Process, StartError};
use crate::realm::{ISSUER, Realm, SERVICE};

/// The program; Debian installs it beside the system's own tools.
const PROGRAM: &str = "docker-registry";

/// A user of [`Registry::htpasswd`].
pub const USER: &str = "robot";

/// Their password.
pub const PASSWORD: &str = "s3cret";

/// What a tag names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One image, as docker has it.
    DockerManifest,
    /// Images for two platforms, as docker has it.
    DockerList,
    /// One image, as OCI has it.
    OciManifest,
    /// Images for two platforms, as OCI has it.
    OciIndex,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::DockerManifest,
        Self::DockerList,
        Self::OciManifest,
        Self::OciIndex,
    ];

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::DockerManifest => "application/vnd.docker.distribution.manifest.v2+json",
            Self::DockerList => "application/vnd.docker.distribution.manifest.list.v2+json",
            Self::OciManifest => "application/vnd.oci.image.manifest.v1+json",
            Self::OciIndex => "application/vnd.oci.image.index.v1+json",
        }
    }
}

/// What an image that can be run is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The image's configuration.
    pub config: Vec<u8>,
    /// Its one layer, an uncompressed tar archive.
    pub layer: Vec<u8>,
}

/// How one is let in.
#[derive(Debug, Clone)]
enum Access {
    Open,
    Password,
    Tls { authority: PathBuf },
    Token,
}

/// A running registry; gone with its images when dropped.
///
/// ```no_run
/// use testkit::registry::{Kind, Registry};
/// let registry = Registry::open()?;
/// let digest = registry.push("app", "1.0", Kind::OciManifest, "any mark")?;
/// println!("{}/app:1.0@{digest}", registry.host());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Registry {
    process: Process,
    address: SocketAddr,
    access: Access,
}

impl Registry {
    /// Open to everybody, in plain HTTP.
    pub fn open() -> Result<Self, StartError> {
        Self::start(Access::Open, |_| Ok(String::new()), "")
    }

    /// For [`USER`] with [`PASSWORD`] only, in plain HTTP.
    pub fn htpasswd() -> Result<Self, StartError> {
        let auth = |dir: &Path| {
            let line = run(Command::new("htpasswd").args(["-Bbn", USER, PASSWORD]))?;
            let file = dir.join("htpasswd");
            fs::write(&file, line)?;
            let file = file.display();
            Ok(format!(
                "auth:\n  htpasswd:\n    realm: test\n    path: {file}\n"
            ))
        };
        Self::start(Access::Password, auth, "")
    }

    /// Open, with TLS and a certificate of an authority of its own.
    pub fn tls() -> Result<Self, StartError> {
        let dir = Directory::new().map_err(|source| StartError::Io {
            program: PROGRAM.to_owned(),
            source,
        })?;
        let made = Certificate::authority(dir.path(), "authority").and_then(|authority| {
            let server = authority.server(dir.path())?;
            Ok((authority, server))
        });
        let (authority, server) = made.map_err(|source| StartError::Io {
            program: "openssl".to_owned(),
            source,
        })?;
        let tls = format!(
            "  tls:\n    certificate: {}\n    key: {}\n",
            server.certificate.display(),
            server.key.display()
        );
        let access = Access::Tls {
            authority: authority.certificate.clone(),
        };
        let mut registry = Self::start(access, |_| Ok(String::new()), &tls)?;
        // Read by now; the authority lives on with the registry.
        let kept = registry.process.dir().join("authority.crt");
        fs::copy(&authority.certificate, &kept).map_err(|source| StartError::Io {
            program: PROGRAM.to_owned(),
            source,
        })?;
        registry.access = Access::Tls { authority: kept };
        Ok(registry)
    }

    /// With tokens from this realm, in plain HTTP.
    pub fn token(realm: &Realm) -> Result<Self, StartError> {
        let auth = format!(
            "auth:\n  token:\n    realm: {}\n    service: {SERVICE}\n    issuer: {ISSUER}\n    rootcertbundle: {}\n",
            realm.url(),
            realm.certificate().display()
        );
        Self::start(Access::Token, |_| Ok(auth.clone()), "")
    }

    fn start(
        access: Access,
        auth: impl Fn(&Path) -> io::Result<String>,
        http: &str,
    ) -> Result<Self, StartError> {
        let (process, address) = Process::serve(|dir, port| {
            let more = auth(dir)?;
            command(dir, &dir.join("storage"), port, &format!("{http}{more}"))
        })?;
        Ok(Self {
            process,
            address,
            access,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Host and port, as they stand in image references.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The file with the authority to trust, for one with TLS.
    pub fn authority(&self) -> Option<&Path> {
        match &self.access {
            Access::Tls { authority } => Some(authority),
            _ => None,
        }
    }

    /// The process, for its log and for stopping it.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Pushes an image, or an index of two, under a tag; other marks make
    /// other digests.
    pub fn push(&self, repository: &str, tag: &str, kind: Kind, mark: &str) -> io::Result<Digest> {
        self.door()?.push(repository, tag, kind, mark)
    }

    /// Pushes images, each under its repository and tag and with a digest of
    /// its own.
    pub fn push_many(&self, images: &[(&str, &str)], kind: Kind) -> io::Result<Vec<Digest>> {
        let door = self.door()?;
        images
            .iter()
            .map(|(repository, tag)| {
                door.push(repository, tag, kind, &format!("{repository}:{tag}"))
            })
            .collect()
    }

    /// Pushes an image that can be run.
    pub fn push_content(
        &self,
        repository: &str,
        tag: &str,
        content: &Content,
    ) -> io::Result<Digest> {
        let door = self.door()?;
        let kind = Kind::OciManifest.media_type();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": kind,
            "config": door.described(
                repository,
                "application/vnd.oci.image.config.v1+json",
                &content.config,
            )?,
            "layers": [door.described(
                repository,
                "application/vnd.oci.image.layer.v1.tar",
                &content.layer,
            )?],
        });
        let bytes = manifest.to_string().into_bytes();
        door.manifest(repository, tag, kind, &bytes)?;
        Ok(Digest::of(&bytes))
    }

    /// A way in for pushing. For TLS and for tokens a second registry, open
    /// and on the same storage, takes the images in.
    fn door(&self) -> io::Result<Door> {
        let side = match &self.access {
            Access::Open | Access::Password => None,
            Access::Tls { .. } | Access::Token => {
                let storage = self.process.dir().join("storage");
                Some(
                    Process::serve(|dir, port| command(dir, &storage, port, ""))
                        .map_err(io::Error::other)?,
                )
            }
        };
        let authorization = match &self.access {
            Access::Password => {
                let pair = STANDARD.encode(format!("{USER}:{PASSWORD}"));
                Some(format!("Basic {pair}"))
            }
            Access::Open | Access::Tls { .. } | Access::Token => None,
        };
        Ok(Door {
            address: side.as_ref().map_or(self.address, |(_, address)| *address),
            authorization,
            _side: side.map(|(process, _)| process),
        })
    }
}

fn command(dir: &Path, storage: &Path, port: u16, more: &str) -> io::Result<Command> {
    let config = dir.join("registry.yml");
    fs::write(
        &config,
        format!(
            "version: 0.1\nlog:\n  level: warn\nstorage:\n  delete:\n    enabled: true\n  filesystem:\n    rootdirectory: {}\n\
             http:\n  addr: 127.0.0.1:{port}\n{more}",
            storage.display()
        ),
    )?;
    let mut command = Command::new(PROGRAM);
    // Left to itself it would report to a collector of traces.
    command
        .args(["serve"])
        .arg(config)
        .env("OTEL_TRACES_EXPORTER", "none");
    Ok(command)
}

/// Where images go in.
struct Door {
    address: SocketAddr,
    authorization: Option<String>,
    _side: Option<Process>,
}

impl Door {
    fn send(&self, request: Request) -> io::Result<Reply> {
        let request = match &self.authorization {
            Some(value) => request.with("Authorization", value),
            None => request,
        };
        let what = format!("{} {}", request.method, request.target);
        let reply = request.send(self.address)?;
        if reply.status >= 400 {
            let said = String::from_utf8_lossy(&reply.body);
            return Err(io::Error::other(format!("{what}: {} {said}", reply.status)));
        }
        Ok(reply)
    }

    fn push(&self, repository: &str, tag: &str, kind: Kind, mark: &str) -> io::Result<Digest> {
        let bytes = match kind {
            Kind::DockerManifest | Kind::OciManifest => {
                self.image(repository, kind, "amd64", mark)?
            }
            Kind::DockerList => self.index(repository, kind, Kind::DockerManifest, mark)?,
            Kind::OciIndex => self.index(repository, kind, Kind::OciManifest, mark)?,
        };
        self.manifest(repository, tag, kind.media_type(), &bytes)?;
        Ok(Digest::of(&bytes))
    }

    /// Pushes what an image is made of; gives its manifest.
    fn image(
        &self,
        repository: &str,
        kind: Kind,
        architecture: &str,
        mark: &str,
    ) -> io::Result<Vec<u8>> {
        let (config_type, layer_type) = match kind {
            Kind::DockerManifest | Kind::DockerList => (
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
            ),
            Kind::OciManifest | Kind::OciIndex => (
                "application/vnd.oci.image.config.v1+json",
                "application/vnd.oci.image.layer.v1.tar+gzip",
            ),
        };
        let config = json!({
            "architecture": architecture, "os": "linux", "config": {"Env": [mark]},
            "rootfs": {"type": "layers", "diff_ids": []},
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": kind.media_type(),
            "config": self.described(repository, config_type, config.to_string().as_bytes())?,
            "layers": [self.described(repository, layer_type, b"not a real layer")?],
        });
        Ok(manifest.to_string().into_bytes())
    }

    /// Pushes an image for each of two platforms; gives their index.
    fn index(&self, repository: &str, kind: Kind, one: Kind, mark: &str) -> io::Result<Vec<u8>> {
        let mut manifests = Vec::new();
        for architecture in ["amd64", "arm64"] {
            let bytes = self.image(repository, one, architecture, mark)?;
            let digest = Digest::of(&bytes).to_string();
            self.manifest(repository, &digest, one.media_type(), &bytes)?;
            manifests.push(json!({
                "mediaType": one.media_type(), "size": bytes.len(), "digest": digest,
                "platform": {"architecture": architecture, "os": "linux"},
            }));
        }
        let index =
            json!({"schemaVersion": 2, "mediaType": kind.media_type(), "manifests": manifests});
        Ok(index.to_string().into_bytes())
    }

    /// Pushes a blob; gives what a manifest says of it.
    fn described(&self, repository: &str, kind: &str, bytes: &[u8]) -> io::Result<Value> {
        let digest = self.blob(repository, bytes)?;
        Ok(json!({"mediaType": kind, "size": bytes.len(), "digest": digest.to_string()}))
    }

    fn blob(&self, repository: &str, bytes: &[u8]) -> io::Result<Digest> {
        let digest = Digest::of(bytes);
        let start = Request::new("POST", &format!("/v2/{repository}/blobs/uploads/"));
        let reply = self.send(start)?;
        let location = reply.header("location").unwrap_or_default();
        // Absolute or not, as the registry likes.
        let target = match location.split_once("://") {
            Some((_, rest)) => &rest[rest.find('/').unwrap_or(rest.len())..],
            None => location,
        };
        let mut finish = Request::new("PUT", &format!("{target}&digest={digest}"))
            .with("Content-Type", "application/octet-stream");
        bytes.clone_into(&mut finish.body);
        self.send(finish)?;
        Ok(digest)
    }

    fn manifest(&self, repository: &str, tag: &str, kind: &str, bytes: &[u8]) -> io::Result<()> {
        let mut put = Request::new("PUT", &format!("/v2/{repository}/manifests/{tag}"))
            .with("Content-Type", kind);
        bytes.clone_into(&mut put.body);
        self.send(put)?;
        Ok(())
    }
}

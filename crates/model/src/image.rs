//! Image references, by the grammar of the distribution project.

use std::fmt;
use std::str::FromStr;

use crate::digest::{Digest, DigestError};

/// The registry that a short name means.
pub const DOCKER_HUB: &str = "docker.io";

/// The longest name without tag and digest, as the distribution grammar has it.
pub const REPOSITORY_MAX: usize = 255;

/// The longest tag.
pub const TAG_MAX: usize = 128;

/// A reference to an image: `[registry/]path[:tag][@sha256:…]`.
///
/// It keeps the text as written, so that printing it gives it back, and knows
/// Docker Hub's short names.
///
/// Source of the rule: the reference grammar of the distribution project.
///
/// ```
/// use model::image::ImageRef;
/// let i: ImageRef = "nginx:1.29-alpine".parse().unwrap();
/// assert_eq!((i.registry(), i.repository().as_str()), ("docker.io", "library/nginx"));
/// assert_eq!(i.tag(), Some("1.29-alpine"));
/// let local: ImageRef = "localhost:5000/app".parse().unwrap();
/// assert_eq!((local.registry(), local.repository().as_str()), ("localhost:5000", "app"));
/// assert!("Nginx".parse::<ImageRef>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    name: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is no image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageRefError {
    /// There is nothing, or no name before the tag or digest.
    #[error("there is no image name")]
    Empty,
    /// The name has upper-case letters.
    #[error("the repository has upper-case letters")]
    Uppercase,
    /// The registry is not a host with an optional port.
    #[error("the registry is not a host name with an optional port")]
    Registry,
    /// The path has a character or separator that is not allowed.
    #[error("the repository is not lower-case words joined by '/', '.', '_', '__' or '-'")]
    Repository,
    /// The name is too long.
    #[error("the name is longer than {REPOSITORY_MAX} characters")]
    Long,
    /// The tag is not allowed.
    #[error("the tag is not up to {TAG_MAX} letters, digits, '_', '.' or '-'")]
    Tag,
    /// The digest is not a sha256 digest.
    #[error("{0}")]
    Digest(DigestError),
}

impl ImageRef {
    /// The name as written, without tag and digest.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tag, if it has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if it has one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The registry's host, with its port if there is one; `docker.io` for a
    /// short name.
    pub fn registry(&self) -> &str {
        let host = split_registry(&self.name).0.unwrap_or(DOCKER_HUB);
        if host == "index.docker.io" {
            DOCKER_HUB
        } else {
            host
        }
    }

    /// The repository in that registry; Docker Hub's official images are in
    /// `library/`.
    pub fn repository(&self) -> String {
        let path = split_registry(&self.name).1;
        if self.registry() == DOCKER_HUB && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        }
    }

    /// The same reference with this digest.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Self {
        Self {
            digest: Some(digest),
            ..self.clone()
        }
    }

    /// The same reference without its digest.
    #[must_use]
    pub fn unpinned(&self) -> Self {
        Self {
            digest: None,
            ..self.clone()
        }
    }
}

/// The registry, if the name begins with one, and the rest. As Docker has it,
/// the first component is a registry when it holds `.` or `:`, is `localhost`,
/// or has an upper-case letter.
fn split_registry(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((head, rest))
            if head.contains(['.', ':'])
                || head == "localhost"
                || head.contains(|c: char| c.is_ascii_uppercase()) =>
        {
            (Some(head), rest)
        }
        _ => (None, name),
    }
}

fn is_registry(host: &str) -> bool {
    let (name, port) = if let Some(rest) = host.strip_prefix('[') {
        let Some((address, after)) = rest.split_once(']') else {
            return false;
        };
        let address_fits =
            !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port),
            None if after.is_empty() => None,
            None => return false,
        };
        return address_fits && port.is_none_or(is_port);
    } else {
        match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        }
    };
    let label = |l: &str| {
        !l.is_empty()
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    name.split('.').all(label) && port.is_none_or(is_port)
}

fn is_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

/// Lower-case words joined by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let bytes = component.as_bytes();
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if !bytes.first().copied().is_some_and(is_word) || !bytes.last().copied().is_some_and(is_word) {
        return false;
    }
    bytes
        .split(|b| is_word(*b))
        .all(|sep| matches!(sep, b"" | b"." | b"_" | b"__") || sep.iter().all(|b| *b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=TAG_MAX).contains(&tag.len())
        && tag.bytes().next().is_some_and(allowed)
        && tag.bytes().all(|b| allowed(b) || b == b'.' || b == b'-')
}

impl FromStr for ImageRef {
    type Err = ImageRefError;

    fn from_str(text: &str) -> Result<Self, ImageRefError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(ImageRefError::Digest)?)),
            None => (text, None),
        };
        let last_slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[last_slash..].split_once(':') {
            Some((head, tag)) => (&rest[..last_slash + head.len()], Some(tag)),
            None => (rest, None),
        };
        if name.is_empty() {
            return Err(ImageRefError::Empty);
        }
        if name.len() > REPOSITORY_MAX {
            return Err(ImageRefError::Long);
        }
        let (host, path) = split_registry(name);
        if host.is_some_and(|h| !is_registry(h)) {
            return Err(ImageRefError::Registry);
        }
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(ImageRefError::Uppercase);
        }
        if !path.split('/').all(is_path_component) {
            return Err(ImageRefError::Repository);
        }
        if tag.is_some_and(|t| !is_tag(t)) {
            return Err(ImageRefError::Tag);
        }
        Ok(Self {
            name: name.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

//! The kinds of document that a tag may name.

use std::fmt;

use serde::Deserialize;

/// A manifest or an index, by its media type.
///
/// Source of the rule: OCI image specification 1.1 and docker's image
/// manifest version 2, schema 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaType {
    /// Images for several platforms, as OCI has it.
    OciIndex,
    /// Images for several platforms, as docker has it.
    DockerList,
    /// One image, as OCI has it.
    OciManifest,
    /// One image, as docker has it.
    DockerManifest,
}

/// What we ask for: whatever the tag names, an index rather than the one of
/// its images that the registry would choose.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// Docker's first format: its digest is not that of the bytes served, and no
/// runtime takes it any more.
const SCHEMA_1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

/// Why a document is not one that a tag may name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MediaTypeError {
    #[error(
        "it is an image of docker's schema 1, which has no stable digest; push it anew with a current tool"
    )]
    Schema1,
    #[error("its media type is {0:?}, not that of an image or index")]
    Other(String),
}

impl MediaType {
    /// All of them, as [`ACCEPT`] orders them.
    const ALL: [Self; 4] = [
        Self::OciIndex,
        Self::DockerList,
        Self::OciManifest,
        Self::DockerManifest,
    ];

    /// As it is written in headers and in images.lock.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OciIndex => "application/vnd.oci.image.index.v1+json",
            Self::DockerList => "application/vnd.docker.distribution.manifest.list.v2+json",
            Self::OciManifest => "application/vnd.oci.image.manifest.v1+json",
            Self::DockerManifest => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    /// What a `Content-Type` header says, its parameters aside.
    pub(crate) fn of_header(header: &str) -> Result<Self, MediaTypeError> {
        let name = header.split(';').next().unwrap_or_default().trim();
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        if SCHEMA_1.iter().any(|known| is(known)) {
            return Err(MediaTypeError::Schema1);
        }
        Self::ALL
            .into_iter()
            .find(|known| is(known.as_str()))
            .ok_or_else(|| MediaTypeError::Other(name.to_owned()))
    }

    /// What a document says of itself; for registries that serve every one as
    /// `application/json`.
    pub(crate) fn of_document(bytes: &[u8]) -> Option<Result<Self, MediaTypeError>> {
        #[derive(Deserialize)]
        struct Document {
            #[serde(rename = "schemaVersion")]
            schema: u32,
            #[serde(rename = "mediaType")]
            media_type: Option<String>,
        }
        let document: Document = serde_json::from_slice(bytes).ok()?;
        if document.schema == 1 {
            return Some(Err(MediaTypeError::Schema1));
        }
        document.media_type.map(|name| Self::of_header(&name))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_asked_for_and_read() {
        let asked: Vec<&str> = ACCEPT.split(", ").collect();
        assert_eq!(asked, MediaType::ALL.map(MediaType::as_str));
        for known in MediaType::ALL {
            let header = format!("{}; charset=utf-8", known.as_str().to_uppercase());
            assert_eq!(MediaType::of_header(&header), Ok(known));
        }
    }

    #[test]
    fn schema_1_is_known_by_header_and_by_document() {
        for name in SCHEMA_1 {
            assert_eq!(MediaType::of_header(name), Err(MediaTypeError::Schema1));
        }
        let old = br#"{"schemaVersion": 1, "name": "x", "fsLayers": []}"#;
        assert_eq!(
            MediaType::of_document(old),
            Some(Err(MediaTypeError::Schema1))
        );
    }

    #[test]
    fn a_page_is_no_document() {
        assert!(MediaType::of_header("text/html").is_err());
        assert_eq!(MediaType::of_document(b"<html>"), None);
        assert_eq!(MediaType::of_document(br#"{"schemaVersion": 2}"#), None);
    }
}

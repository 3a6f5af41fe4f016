//! What an answer tells of the document that a tag names.

use model::digest::Digest;

use crate::http::Answer;
use crate::media_type::{MediaType, MediaTypeError};

/// A document that a tag names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) digest: Digest,
    pub(crate) media_type: MediaType,
}

impl Document {
    /// What the headers of a HEAD tell, when they tell all: kind, length and
    /// digest.
    pub(crate) fn of_head(answer: &Answer) -> Result<Option<Self>, MediaTypeError> {
        let media_type = match answer.header("content-type").map(MediaType::of_header) {
            Some(Ok(media_type)) => media_type,
            Some(Err(MediaTypeError::Schema1)) => return Err(MediaTypeError::Schema1),
            Some(Err(MediaTypeError::Other(_))) | None => return Ok(None),
        };
        let has_length = answer
            .header("content-length")
            .is_some_and(|length| length.parse::<u64>().is_ok_and(|n| n > 0));
        let digest = answer
            .header("docker-content-digest")
            .and_then(|digest| digest.parse().ok());
        Ok(digest
            .filter(|_| has_length)
            .map(|digest| Self { digest, media_type }))
    }

    /// What a GET tells: the kind as its header says or as the document says
    /// itself, and the digest of the bytes, whatever a header says of them.
    pub(crate) fn of_body(answer: &Answer) -> Result<Self, MediaTypeError> {
        let header = answer.header("content-type").unwrap_or_default();
        let media_type = match MediaType::of_header(header) {
            Err(MediaTypeError::Other(name)) => {
                MediaType::of_document(&answer.body).unwrap_or(Err(MediaTypeError::Other(name)))
            }
            known => known,
        }?;
        Ok(Self {
            digest: Digest::of(&answer.body),
            media_type,
        })
    }
}

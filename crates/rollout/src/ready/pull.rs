//! Why an image could not be pulled: for certain, or for the time being.

use serde_json::Value;

use super::Reason;
use crate::object::text;

/// Words with which a registry, the way to it or the node says "not now". Any
/// of them makes the rest uncertain: a rate limit may come with status 403, and
/// a layer that a node has mislaid is "not found" too.
const PASSING: [&str; 28] = [
    "429",
    "toomanyrequests",
    "too many requests",
    "rate limit",
    "quota",
    "500 internal",
    "internal server error",
    "502",
    "503",
    "504",
    "bad gateway",
    "unavailable",
    "timeout",
    "timed out",
    "deadline exceeded",
    "canceled",
    "connection refused",
    "connection reset",
    "broken pipe",
    "no such host",
    "lookup",
    "unreachable",
    "no route to host",
    "x509",
    "tls:",
    "snapshot",
    "extract",
    "executable file",
];

/// Words for "we do not let you".
const REFUSED: [&str; 7] = [
    "unauthorized",
    "403 forbidden",
    "access denied",
    "access to the resource is denied",
    "denied on resource",
    "authorization failed",
    "authentication required",
];

/// Words for "there is none".
const NOT_FOUND: [&str; 5] = [
    "not found",
    "code = notfound",
    "manifest unknown",
    "name unknown",
    "repository does not exist",
];

/// What a container's `waiting` state says of its image: a certain failure, or
/// `None` where another try may succeed, or where it is about something else.
pub(super) fn certain(waiting: &Value) -> Option<Reason> {
    match text(waiting, "/reason") {
        "InvalidImageName" | "ErrImageNeverPull" => Some(Reason::ImageNotFound),
        "SignatureValidationFailed" => Some(Reason::ImageRefused),
        // Backing off usually repeats the cause; where it does not, the next
        // try tells.
        "ErrImagePull" | "ImagePullBackOff" => classify(text(waiting, "/message")),
        _ => None,
    }
}

/// The end of what a container's `waiting` state says: runtimes put a quoted
/// reference before each cause, and the last is the one.
pub(super) fn cause(waiting: &Value) -> &str {
    let message = text(waiting, "/message");
    match message.rsplit_once("\": ") {
        Some((_, last)) if !last.is_empty() => last,
        _ => message,
    }
}

fn classify(message: &str) -> Option<Reason> {
    let said = prose(message);
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let ends = said
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word == "eof");
    if ends || says(&PASSING) {
        None
    } else if says(&REFUSED) {
        Some(Reason::ImageRefused)
    } else if says(&NOT_FOUND) {
        Some(Reason::ImageNotFound)
    } else {
        None
    }
}

/// A message in lower case without what names things: an image may be called
/// `not-found` or `503`, and digests are full of numbers.
fn prose(message: &str) -> String {
    let words: Vec<String> = message
        .split_whitespace()
        .filter(|word| !word.contains(['/', '@', '"']) && !word.contains("sha256:"))
        .map(str::to_lowercase)
        .collect();
    words.join(" ")
}

//! The one door to an API server: requests as values, bounded in number, size
//! and time, sent again where that is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use kube::client::Body;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::fence::Fence;
use crate::known::Known;
use crate::redact;

/// Requests on their way at once; each has a connection of its own.
///
/// Source of the number: measured on 500 objects; more made the API server
/// slower.
pub const CONNECTIONS: usize = 16;

/// How long one request may take. Deletions and dry runs through webhooks may
/// take ten seconds by their own default.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// The largest answer: a list of 5,000 objects has less.
const ANSWER_MAX: usize = 256 << 20;

/// How often a request is sent before it is given up.
const ATTEMPTS: u32 = 6;

/// The first pause between attempts; it doubles, up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(150);

/// The longest pause, also when the server asks for a longer one.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// An object without what it holds.
pub const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// A list of such.
pub const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// Text as it is.
const PLAIN: &str = "*/*";

/// What is sent.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    target: String,
    content_type: &'static str,
    accept: &'static str,
    body: Vec<u8>,
}

impl Call {
    fn new(method: Method, target: String) -> Self {
        Self {
            method,
            target,
            content_type: "application/json",
            accept: "application/json",
            body: Vec::new(),
        }
    }

    /// Reads what is at this path and query.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new(Method::GET, target.into())
    }

    /// Creates.
    pub fn post(target: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::POST, target.into()).body(body)
    }

    /// Replaces what carries its own resource version.
    pub fn put(target: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::PUT, target.into()).body(body)
    }

    /// Deletes.
    pub fn delete(target: impl Into<String>, options: &Value) -> Self {
        Self::new(Method::DELETE, target.into()).body(options)
    }

    /// Server-side apply.
    pub fn apply(target: impl Into<String>, body: &Value) -> Self {
        let mut call = Self::new(Method::PATCH, target.into()).body(body);
        // JSON is YAML.
        call.content_type = "application/apply-patch+yaml";
        call
    }

    /// JSON patch (RFC 6902).
    pub fn json_patch(target: impl Into<String>, body: &Value) -> Self {
        let mut call = Self::new(Method::PATCH, target.into()).body(body);
        call.content_type = "application/json-patch+json";
        call
    }

    /// JSON merge patch (RFC 7386).
    pub fn merge_patch(target: impl Into<String>, body: &Value) -> Self {
        let mut call = Self::new(Method::PATCH, target.into()).body(body);
        call.content_type = "application/merge-patch+json";
        call
    }

    /// Asks for this media type.
    #[must_use]
    pub fn accept(mut self, media_type: &'static str) -> Self {
        self.accept = media_type;
        self
    }

    fn body(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    /// Whether it changes nothing, so that it may be sent again whatever
    /// became of it.
    fn is_harmless(&self) -> bool {
        self.method == Method::GET
            || self.target.contains("dryRun=All")
            || self.target.contains("/authorization.k8s.io/")
    }

    fn request(&self) -> Result<Request<Body>, ApiError> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.target)
            .header(header::ACCEPT, HeaderValue::from_static(self.accept))
            .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        if !self.body.is_empty() {
            request = request.header(
                header::CONTENT_TYPE,
                HeaderValue::from_static(self.content_type),
            );
        }
        request
            .body(Body::from(self.body.clone()))
            .map_err(|e| ApiError::Unreachable(e.to_string()))
    }
}

/// How we name ourselves to the server, and in its audit log.
const USER_AGENT: &str = concat!("consign/", env!("CARGO_PKG_VERSION"));

/// Why a field is refused, or who owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The server's word: `FieldManagerConflict`, `FieldValueInvalid`.
    pub reason: String,
    /// The field.
    pub field: String,
    /// In its words.
    pub message: String,
}

/// What the server says when it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub code: u16,
    /// The server's word: `Forbidden`, `Conflict`.
    pub reason: String,
    /// In its words, without secret values.
    pub message: String,
    /// Field by field, where it says.
    pub causes: Vec<Cause>,
}

/// Why there is no answer, or a bad one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The server cannot be reached, or the connection broke: a write may or
    /// may not have happened.
    #[error("{0}")]
    Unreachable(String),
    /// The server refused.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// Nothing was sent: the Lease may be somebody else's by now.
    #[error("the Lease was not renewed in time, so nothing more is written")]
    Fenced,
    /// The answer is none of an API server.
    #[error("the answer is not that of an API server: {0}")]
    Nonsense(String),
}

impl ApiError {
    /// The HTTP status of a refusal, else 0.
    pub fn code(&self) -> u16 {
        match self {
            Self::Refused(refusal) => refusal.code,
            _ => 0,
        }
    }

    /// Whether it is not there.
    pub fn is_missing(&self) -> bool {
        self.code() == 404
    }

    /// Whether this user may not.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.code(), 401 | 403)
    }

    /// Whether someone else was faster, or owns fields.
    pub fn is_conflict(&self) -> bool {
        self.code() == 409
    }

    /// Whether a write may have happened all the same.
    pub fn is_uncertain(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Nonsense(_) => true,
            Self::Refused(refusal) => refusal.is_passing(),
            Self::Fenced => false,
        }
    }

    /// The causes of a refusal.
    pub fn causes(&self) -> &[Cause] {
        match self {
            Self::Refused(refusal) => &refusal.causes,
            _ => &[],
        }
    }
}

impl Refusal {
    /// Whether it may pass by itself.
    fn is_passing(&self) -> bool {
        match self.code {
            429 | 502 | 503 | 504 => true,
            // The server answers so to a document that does not fit its
            // schema, and that stays so.
            500 => !self.message.contains("typed patch object"),
            _ => false,
        }
    }
}

/// Whether the server refused a request before it did anything of it. What it
/// answers with 500 or 504 may go on, even where it says when to come again.
fn is_untouched(error: &ApiError, asked: Option<Duration>) -> bool {
    match error.code() {
        429 => true,
        503 => asked.is_some(),
        _ => false,
    }
}

/// A connection to an API server.
#[derive(Clone)]
pub struct Api {
    client: kube::Client,
    slots: Arc<Semaphore>,
    sent: Arc<AtomicU64>,
    ahead: Arc<AtomicI64>,
    fence: Option<Arc<Fence>>,
    known: Arc<Known>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

impl Api {
    /// Over this client.
    pub(crate) fn new(client: kube::Client) -> Self {
        Self {
            client,
            slots: Arc::new(Semaphore::new(CONNECTIONS)),
            sent: Arc::new(AtomicU64::new(0)),
            ahead: Arc::new(AtomicI64::new(0)),
            fence: None,
            known: Arc::default(),
        }
    }

    /// The same connection, by which nothing is written once the fence falls.
    #[must_use]
    pub fn behind(&self, fence: Arc<Fence>) -> Self {
        Self {
            fence: Some(fence),
            ..self.clone()
        }
    }

    /// The secret values that came by, which are told nowhere.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// By how many seconds this machine's clock is ahead of the server's, as
    /// its last answer said; behind is negative.
    pub fn clock_ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// How many requests were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends, again where nothing can come of it twice: what changes nothing,
    /// and what the server refused for now. Any other answer is told as it
    /// is.
    pub async fn send(&self, call: &Call) -> Result<Value, ApiError> {
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let (error, asked) = match self.once(call).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let again = match &error {
                ApiError::Refused(refusal) => {
                    refusal.is_passing() && (call.is_harmless() || is_untouched(&error, asked))
                }
                ApiError::Unreachable(_) => call.is_harmless(),
                ApiError::Nonsense(_) | ApiError::Fenced => false,
            };
            if !again || attempt == ATTEMPTS {
                return Err(error);
            }
            sleep(asked.unwrap_or(pause).min(PAUSE_MAX)).await;
            pause *= 2;
            attempt += 1;
        }
    }

    /// Sends a write that may be sent again: `done` tells from a fresh look
    /// whether it has happened. `None` as an answer means that it has, and
    /// what it answered was lost. An error that is uncertain means that nobody
    /// could tell.
    pub async fn settle<F, D>(&self, call: &Call, mut done: D) -> Result<Option<Value>, ApiError>
    where
        D: FnMut() -> F,
        F: Future<Output = Result<bool, ApiError>>,
    {
        let mut pause = PAUSE;
        let mut attempt = 0;
        let mut doubtful = false;
        loop {
            attempt += 1;
            let (error, asked) = match self.once(call).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(failed) => failed,
            };
            if !is_untouched(&error, asked) {
                doubtful |= error.is_uncertain();
                // A second sending of what was done the first time conflicts
                // with itself.
                let by_itself = error.is_conflict() || error.is_missing();
                let perhaps = error.is_uncertain() || doubtful && by_itself;
                if !perhaps {
                    return Err(error);
                }
                match done().await {
                    Ok(true) => return Ok(None),
                    Ok(false) if error.is_uncertain() => {}
                    _ => return Err(error),
                }
            }
            if attempt >= ATTEMPTS {
                return Err(error);
            }
            sleep(asked.unwrap_or(pause).min(PAUSE_MAX)).await;
            pause *= 2;
        }
    }

    async fn once(&self, call: &Call) -> Result<Value, (ApiError, Option<Duration>)> {
        let plain = |error| (error, None);
        let _slot = self
            .slots
            .acquire()
            .await
            .map_err(|e| plain(ApiError::Unreachable(e.to_string())))?;
        let limit = match &self.fence {
            Some(fence) if !call.is_harmless() => {
                let left = fence.left().ok_or_else(|| plain(ApiError::Fenced))?;
                REQUEST_LIMIT.min(left)
            }
            _ => REQUEST_LIMIT,
        };
        self.sent.fetch_add(1, Ordering::Relaxed);
        match timeout(limit, self.exchange(call)).await {
            Ok(result) => result,
            Err(_) => Err(plain(ApiError::Unreachable(format!(
                "no answer within {} s",
                limit.as_secs()
            )))),
        }
    }

    async fn exchange(&self, call: &Call) -> Result<Value, (ApiError, Option<Duration>)> {
        let plain = |error| (error, None);
        let request = call.request().map_err(plain)?;
        let response = self
            .client
            .send(request)
            .await
            .map_err(|e| plain(ApiError::Unreachable(chain(&e))))?;
        let status = response.status();
        if let Some(ahead) = ahead_of(response.headers().get(header::DATE)) {
            self.ahead.store(ahead, Ordering::Relaxed);
        }
        let asked = retry_after(response.headers().get(header::RETRY_AFTER));
        let body = Limited::new(response.into_body(), ANSWER_MAX)
            .collect()
            .await
            .map_err(|e| plain(ApiError::Unreachable(e.to_string())))?
            .to_bytes();
        if !status.is_success() {
            self.known
                .learn(&serde_json::from_slice(&call.body).unwrap_or_default());
            let refusal = refusal(call, status, &body, &self.known);
            return Err((ApiError::Refused(refusal), asked));
        }
        // A log may look like anything.
        if call.accept == PLAIN {
            return Ok(Value::String(String::from_utf8_lossy(&body).into_owned()));
        }
        let answer = serde_json::from_slice(&body)
            .or_else(|e| text_answer(&body).ok_or(e))
            .map_err(|e| plain(ApiError::Nonsense(e.to_string())))?;
        if is_about_secret(&call.target) {
            self.known.learn_secret(&answer);
        }
        Ok(answer)
    }

    /// A pod's log, as text, its last bytes.
    pub async fn text(&self, target: String) -> Result<String, ApiError> {
        match self.send(&Call::get(target).accept(PLAIN)).await? {
            Value::String(text) => Ok(text),
            other => Ok(other.to_string()),
        }
    }
}

/// `/readyz` answers in plain text.
fn text_answer(body: &[u8]) -> Option<Value> {
    Some(Value::String(String::from_utf8_lossy(body).into_owned()))
        .filter(|text| text.as_str().is_some_and(|text| !text.starts_with('{')))
}

/// How far this clock is ahead of the one in an answer's `Date`.
fn ahead_of(date: Option<&HeaderValue>) -> Option<i64> {
    let date = DateTimeParser::new()
        .parse_zoned(date?.to_str().ok()?)
        .ok()?;
    let theirs = date.timestamp().as_second();
    Some(Timestamp::now().as_second().saturating_sub(theirs))
}

fn retry_after(value: Option<&HeaderValue>) -> Option<Duration> {
    let seconds: u64 = value?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The longest text of a server that is told.
const TOLD_MAX: usize = 2_000;

fn refusal(call: &Call, status: StatusCode, body: &[u8], known: &Known) -> Refusal {
    let parsed: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let about_secret = is_about_secret(&call.target);
    let words = |value: &Value| {
        let text = redact::message(value.as_str().unwrap_or_default(), about_secret);
        known.scrub(&text)
    };
    let mut message = words(&parsed["message"]);
    if message.is_empty() {
        message = match std::str::from_utf8(body) {
            Ok(text) if !text.is_empty() && !about_secret && parsed.is_null() => {
                known.scrub(text).chars().take(TOLD_MAX).collect()
            }
            _ => format!("HTTP status {status}"),
        };
    }
    let causes = parsed["details"]["causes"]
        .as_array()
        .map_or_else(Vec::new, |causes| {
            causes
                .iter()
                .map(|cause| Cause {
                    reason: cause["reason"].as_str().unwrap_or_default().to_owned(),
                    field: cause["field"].as_str().unwrap_or_default().to_owned(),
                    message: words(&cause["message"]),
                })
                .collect()
        });
    Refusal {
        code: status.as_u16(),
        reason: parsed["reason"].as_str().unwrap_or_default().to_owned(),
        message,
        causes,
    }
}

/// Whether what is sent to this path concerns a Secret.
fn is_about_secret(target: &str) -> bool {
    target
        .split('?')
        .next()
        .is_some_and(|path| path.split('/').any(|part| part == "secrets"))
}

/// An error with all that caused it, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let own = error.to_string();
        if !text.contains(&own) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&own);
        }
        next = error.source();
    }
    text
}

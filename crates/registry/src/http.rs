//! The door to the network: one request, sent until it is answered.

use std::error::Error as _;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, StatusCode, Url};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use crate::address::{Rules, authority, is_same_place};
use crate::error::{AddressFault, Onward, RegistryError, Said};
use crate::retry;
use crate::settings::Limits;

/// The most of an answer that is read: the distribution specification lets
/// registries refuse larger manifests.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// More than any registry needs; ggcr and docker give up at ten.
const REDIRECTS_MAX: u32 = 5;

/// Sends requests, all of one run.
pub(crate) struct Http {
    pub(crate) client: Client,
    pub(crate) limits: Limits,
    pub(crate) rules: Rules,
    pub(crate) permits: Semaphore,
    pub(crate) deadline: Instant,
    pub(crate) sent: AtomicU64,
}

/// What one host is sent at once, and when it wants to be left alone.
pub(crate) struct Lane {
    permits: Semaphore,
    quiet_until: Mutex<Option<Instant>>,
}

impl Lane {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            permits: Semaphore::new(limits.requests_per_host.max(1)),
            quiet_until: Mutex::new(None),
        }
    }

    fn quiet_until(&self) -> Option<Instant> {
        *self
            .quiet_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_quiet(&self, until: Instant) {
        let mut quiet = self
            .quiet_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *quiet = (*quiet).max(Some(until));
    }
}

/// Whether a request goes where an answer sends it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// As far as the rules for addresses allow, without credentials when the
    /// host changes.
    Follow,
    /// Never: a token server has no reason to send us on.
    Refuse,
}

/// One request.
#[derive(Clone)]
pub(crate) struct Ask<'a> {
    /// The registry, as errors name it.
    pub(crate) registry: &'a str,
    /// What is wanted, as errors name it.
    pub(crate) wanted: &'a str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) accept: Option<&'static str>,
    pub(crate) authorization: Option<HeaderValue>,
    /// Sent as `application/x-www-form-urlencoded`.
    pub(crate) form: Option<&'a str>,
    pub(crate) redirects: Redirects,
}

/// What came back; any status that does not pass by itself.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why one attempt failed, and whether another may do better.
enum Failure {
    Passing(RegistryError),
    Final(RegistryError),
}

impl Http {
    /// Sends it until there is an answer that will not change by asking
    /// again.
    pub(crate) async fn send(&self, lane: &Lane, ask: &Ask<'_>) -> Result<Answer, RegistryError> {
        let mut attempt = 1;
        loop {
            let outcome = self.attempt(lane, ask).await;
            let (error, asked) = match outcome {
                Ok(answer) if !retry::is_passing(answer.status.as_u16()) => return Ok(answer),
                Ok(answer) => passing(ask, &answer, attempt),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(error)) => (error, None),
            };
            if attempt >= self.limits.attempts {
                return Err(error);
            }
            let until = Instant::now() + retry::wait(attempt, self.limits.backoff, asked);
            if until >= self.deadline {
                return Err(error);
            }
            if asked.is_some() {
                lane.keep_quiet(until);
            }
            sleep_until(until).await;
            attempt += 1;
        }
    }

    /// Sends it once, and after redirects again.
    async fn attempt(&self, lane: &Lane, ask: &Ask<'_>) -> Result<Answer, Failure> {
        // The narrower first: waiting for one host must not keep others waiting.
        let _lane = lane.permits.acquire().await;
        while let Some(until) = lane.quiet_until().filter(|until| *until > Instant::now()) {
            sleep_until(until).await;
        }
        let _permit = self.permits.acquire().await;
        let mut hop = ask.clone();
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.exchange(&hop).await?;
            let location = match answer.headers.get(LOCATION) {
                Some(location) if is_redirect(answer.status) => location,
                _ => return Ok(answer),
            };
            let location = String::from_utf8_lossy(location.as_bytes());
            let refused = |to: &str, fault| {
                Failure::Final(RegistryError::AddressRefused {
                    registry: ask.registry.to_owned(),
                    to: Said::new(to),
                    onward: Onward::Redirect,
                    fault,
                })
            };
            if ask.redirects == Redirects::Refuse {
                return Err(refused(&shown(&hop.url, &location), AddressFault::TooMany));
            }
            let to = self
                .rules
                .redirect(&hop.url, &location)
                .map_err(|fault| refused(&shown(&hop.url, &location), fault))?;
            if !is_same_place(&hop.url, &to) {
                hop.authorization = None;
            }
            hop.url = to;
        }
        Err(Failure::Final(RegistryError::AddressRefused {
            registry: ask.registry.to_owned(),
            to: Said::new(&authority(&hop.url)),
            onward: Onward::Redirect,
            fault: AddressFault::TooMany,
        }))
    }

    async fn exchange(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let mut request = self.client.request(ask.method.clone(), ask.url.clone());
        if let Some(accept) = ask.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(authorization) = &ask.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(form) = ask.form {
            request = request
                .header(
                    reqwest::header::CONTENT_TYPE,
                    "application/x-www-form-urlencoded",
                )
                .body(form.to_owned());
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        let mut response = request.send().await.map_err(|e| self.failure(ask, &e))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failure(ask, &e))? {
            if body.len() + chunk.len() > BODY_MAX {
                return Err(Failure::Final(RegistryError::BadAnswer {
                    registry: ask.registry.to_owned(),
                    wanted: ask.wanted.to_owned(),
                    why: Said::new(&format!("it is larger than {BODY_MAX} bytes")),
                }));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }

    fn failure(&self, ask: &Ask<'_>, error: &reqwest::Error) -> Failure {
        // A token server or a mirror is named beside the registry it is for.
        let host = authority(&ask.url);
        let registry = if ask.registry.eq_ignore_ascii_case(&host) {
            host
        } else {
            format!("{} ({host})", ask.registry)
        };
        let cause = Cause::of(error);
        match cause.tls {
            Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
                return Failure::Final(RegistryError::PlainHttpRefused { registry });
            }
            Some(tls) => {
                return Failure::Final(RegistryError::Tls {
                    registry,
                    why: Said::new(&tls.to_string()),
                });
            }
            None => {}
        }
        Failure::Passing(if error.is_timeout() {
            let after = if error.is_connect() {
                self.limits.connect
            } else {
                self.limits.request
            };
            RegistryError::Timeout { registry, after }
        } else {
            RegistryError::Network {
                registry,
                why: Said::new(&cause.text),
            }
        })
    }
}

/// The innermost reason of an error, which is the one that says something.
struct Cause<'a> {
    text: String,
    tls: Option<&'a rustls::Error>,
}

impl<'a> Cause<'a> {
    fn of(error: &'a reqwest::Error) -> Self {
        let mut tls = None;
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            text = cause.to_string();
            tls = tls.or(cause.downcast_ref());
            next = cause.source();
            // An I/O error passes over what it wraps and names that one's source.
            if let Some(inner) = cause
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref)
            {
                next = Some(inner);
            }
        }
        Self { text, tls }
    }
}

/// What a passing status is when it does not pass, and how long the server
/// wants us to wait.
fn passing(ask: &Ask<'_>, answer: &Answer, attempts: u32) -> (RegistryError, Option<Duration>) {
    let wait = answer
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| retry::retry_after(value, SystemTime::now()));
    let registry = ask.registry.to_owned();
    let error = if answer.status == StatusCode::TOO_MANY_REQUESTS {
        RegistryError::TooManyRequests { registry, wait }
    } else {
        RegistryError::Unavailable {
            registry,
            status: answer.status.as_u16(),
            attempts,
            said: answer.said(),
        }
    };
    (error, wait)
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The host that a location names, or the location when it names none.
fn shown(from: &Url, location: &str) -> String {
    from.join(location)
        .ok()
        .filter(Url::has_host)
        .map_or_else(|| location.to_owned(), |url| authority(&url))
}

impl Answer {
    /// What the registry says in its own words.
    ///
    /// Source of the rule: the distribution specification's error codes; token
    /// servers answer with `details` or `error_description`.
    pub(crate) fn said(&self) -> Said {
        let Ok(document) = serde_json::from_slice::<serde_json::Value>(&self.body) else {
            return Said::default();
        };
        let first = &document["errors"][0];
        [
            &first["message"],
            &first["code"],
            &document["details"],
            &document["error_description"],
            &document["message"],
            &document["error"],
        ]
        .into_iter()
        .find_map(serde_json::Value::as_str)
        .map(Said::new)
        .unwrap_or_default()
    }

    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

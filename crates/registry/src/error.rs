//! What can go wrong with a registry, and how it is told.

use std::fmt;
use std::time::Duration;

use model::finding::Class;

/// The most of a foreign text that is shown: enough for a sentence and a
/// link, too little to bury what we say ourselves.
pub const SAID_MAX: usize = 240;

/// Text that came from outside, cut to [`SAID_MAX`] characters.
///
/// It may hold any character; whoever prints it escapes it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Said(String);

impl Said {
    /// Cuts and keeps the text.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        match text.char_indices().nth(SAID_MAX) {
            Some((at, _)) => Self(format!("{}…", &text[..at])),
            None => Self(text.to_owned()),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Whether we had something to log in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// Credentials were found, and sent.
    Sent,
    /// There are none for this registry.
    None,
}

/// What a registry sends us on to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onward {
    /// Its token server.
    Realm,
    /// Where it says the answer is.
    Redirect,
}

impl fmt::Display for Onward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Realm => "for a token",
            Self::Redirect => "by a redirect",
        })
    }
}

/// Why an address is not gone to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// Not a URL, or one with a user in it or of another scheme.
    #[error("that is no plain https address")]
    Form,
    /// Plain HTTP where it is not allowed.
    #[error("that is plain HTTP")]
    PlainHttp,
    /// A loopback, link-local or private address that is not the registry's.
    #[error("that is a private address")]
    Private,
    /// A token server that is not known to be this registry's, when we would
    /// send credentials.
    #[error("that host is not known to be this registry's, and would be sent credentials")]
    Foreign,
    /// It goes on and on.
    #[error("that is one redirect too many")]
    TooMany,
}

/// Why one reference could not be resolved.
///
/// Every variant names the registry by its host, as it is reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The registry says there is no such tag, digest or repository.
    #[error("{registry} has no {wanted}")]
    NotFound {
        /// The host.
        registry: String,
        /// `repository:tag` or `repository@digest`.
        wanted: String,
    },
    /// Credentials are missing or wrong.
    #[error("{registry} wants credentials for {repository}{}{}", match .credential {
        Credential::Sent => ", and refuses those it was sent",
        Credential::None => ", and there are none",
    }, colon(.said))]
    Unauthorized {
        /// The host.
        registry: String,
        /// What was asked for.
        repository: String,
        /// Whether we sent any.
        credential: Credential,
        /// What the registry said.
        said: Said,
    },
    /// We are known, and may not; or it does not exist and the registry will
    /// not say so.
    #[error("{registry} denies access to {repository}{}", colon(.said))]
    Denied {
        /// The host.
        registry: String,
        /// What was asked for.
        repository: String,
        /// What the registry said.
        said: Said,
    },
    /// The certificate or the handshake is no good.
    #[error("no secure connection to {registry}: {why}")]
    Tls {
        /// The host.
        registry: String,
        /// What is wrong.
        why: Said,
    },
    /// No answer in time.
    #[error("{registry} gave no answer within {} s", .after.as_secs_f32())]
    Timeout {
        /// The host.
        registry: String,
        /// How long we waited, all attempts together.
        after: Duration,
    },
    /// There is no connection.
    #[error("cannot reach {registry}: {why}")]
    Network {
        /// The host.
        registry: String,
        /// What is wrong.
        why: Said,
    },
    /// Too many requests for its liking.
    #[error("{registry} allows no more requests for now{}", match .wait {
        Some(wait) => format!(" (it says: wait {} s)", wait.as_secs()),
        None => String::new(),
    })]
    TooManyRequests {
        /// The host.
        registry: String,
        /// How long it asks us to wait, if it said so.
        wait: Option<Duration>,
    },
    /// It answers with an error of its own, time after time.
    #[error("{registry} answers {status} to every attempt ({attempts}){}", colon(.said))]
    Unavailable {
        /// The host.
        registry: String,
        /// The HTTP status.
        status: u16,
        /// How often we asked.
        attempts: u32,
        /// What it said.
        said: Said,
    },
    /// What it answers is not what a registry answers.
    #[error("{registry} gives no usable answer for {wanted}: {why}")]
    BadAnswer {
        /// The host.
        registry: String,
        /// What was asked for.
        wanted: String,
        /// What is wrong with it.
        why: Said,
    },
    /// It speaks plain HTTP and is not named in the settings.
    #[error(
        "{registry} speaks plain HTTP, which is for loopback and for hosts named in the settings only"
    )]
    PlainHttpRefused {
        /// The host.
        registry: String,
    },
    /// It sends us where we do not go.
    #[error("{registry} sends us to {to} {onward}: {fault}")]
    AddressRefused {
        /// The host.
        registry: String,
        /// Where to: a host, or the text that is no address.
        to: Said,
        /// How.
        onward: Onward,
        /// Why not.
        fault: AddressFault,
    },
    /// The credentials cannot be read.
    #[error("cannot read the credentials for {registry}: {why}")]
    Credentials {
        /// The host.
        registry: String,
        /// What is wrong, with the file or the helper's name; no secret.
        why: Said,
    },
}

fn colon(said: &Said) -> String {
    if said.as_str().is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}

impl RegistryError {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "image-not-found",
            Self::Unauthorized { .. } => "registry-unauthorized",
            Self::Denied { .. } => "registry-denied",
            Self::Tls { .. } => "registry-tls",
            Self::Timeout { .. } => "registry-timeout",
            Self::Network { .. } => "registry-network",
            Self::TooManyRequests { .. } => "registry-too-many-requests",
            Self::Unavailable { .. } => "registry-unavailable",
            Self::BadAnswer { .. } => "registry-bad-answer",
            Self::PlainHttpRefused { .. } => "registry-plain-http",
            Self::AddressRefused { .. } => "registry-address-refused",
            Self::Credentials { .. } => "registry-credentials",
        }
    }

    /// What kind of wrong it is: what we refuse by rule is policy, all else
    /// is remote. A realm or redirect that is refused is remote too: it is
    /// the registry that is wrong.
    pub fn class(&self) -> Class {
        match self {
            Self::PlainHttpRefused { .. } => Class::Policy,
            _ => Class::Remote,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::NotFound { .. } => {
                "check the name and the tag; a private image may need `docker login` first".to_owned()
            }
            Self::Unauthorized {
                registry,
                credential,
                ..
            } => match credential {
                Credential::None => format!("log in with `docker login {registry}`"),
                Credential::Sent => {
                    format!("check the credentials; `docker login {registry}` makes new ones")
                }
            },
            Self::Denied { .. } => {
                "check that the repository exists and that your account may pull from it".to_owned()
            }
            Self::Tls { registry, .. } => format!(
                "if {registry} has a certificate of your own authority, give that in SSL_CERT_FILE"
            ),
            Self::Timeout { .. } | Self::Network { .. } => {
                "check the name, the network and HTTPS_PROXY; images in images.lock need no registry"
                    .to_owned()
            }
            Self::TooManyRequests { .. } => {
                "wait, or log in: many registries allow more to those they know".to_owned()
            }
            Self::Unavailable { registry, .. } => format!("try again when {registry} is well"),
            Self::BadAnswer { registry, .. } => {
                format!("check that {registry} is a registry and holds this as a current image format")
            }
            Self::PlainHttpRefused { registry } => format!(
                "if that is meant, add {registry} to registries.plain-http in consign.yaml"
            ),
            Self::AddressRefused { registry, to, fault, .. } => match fault {
                AddressFault::Foreign | AddressFault::Private => format!(
                    "if you trust it, add `{registry}: [{to}]` to registries.token-realms in consign.yaml"
                ),
                AddressFault::PlainHttp => format!(
                    "if that is meant, add {to} to registries.plain-http in consign.yaml"
                ),
                AddressFault::Form | AddressFault::TooMany => {
                    format!("report it to whoever runs {registry}")
                }
            },
            Self::Credentials { .. } => {
                "mend that file or helper, or remove its entry to go without credentials".to_owned()
            }
        }
    }

    /// Whether it is about the registry as a whole, so that one line is
    /// enough for all images of it.
    pub(crate) fn is_about_registry(&self) -> bool {
        !matches!(
            self,
            Self::NotFound { .. }
                | Self::Unauthorized { .. }
                | Self::Denied { .. }
                | Self::BadAnswer { .. }
        )
    }
}

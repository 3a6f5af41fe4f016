//! What a resolver is told before it starts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

pub use crate::address::{Mirror, MirrorError};
use crate::credentials::Credentials;

/// All that a resolver needs to know of the world around it.
///
/// Hosts are written as in image references, with their port when that is not
/// the scheme's own: `registry.example.com`, `10.0.0.5:5000`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where else to look for a registry's images, first of all and in order.
    pub mirrors: BTreeMap<String, Vec<Mirror>>,
    /// Hosts that are spoken to in plain HTTP. Loopback needs no naming.
    pub plain_http: BTreeSet<String>,
    /// Token servers that may be sent a registry's credentials, beside the
    /// registry itself and the pairs of well-known registries: registry to
    /// the hosts of its realms. Private addresses must be named here.
    pub realms: BTreeMap<String, BTreeSet<String>>,
    /// Proxies between here and the registries.
    pub proxy: Proxy,
    /// A PEM file with the only certificate authorities to trust, instead of
    /// the system's: `SSL_CERT_FILE`.
    pub authorities: Option<PathBuf>,
    /// Where credentials come from.
    pub credentials: Credentials,
    /// How much, and how long.
    pub limits: Limits,
    /// What we call ourselves.
    pub user_agent: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mirrors: BTreeMap::new(),
            plain_http: BTreeSet::new(),
            realms: BTreeMap::new(),
            proxy: Proxy::default(),
            authorities: None,
            credentials: Credentials::none(),
            limits: Limits::default(),
            user_agent: concat!("consign/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Proxies as the environment names them. Loopback never goes through one.
#[derive(Debug, Clone, Default)]
pub struct Proxy {
    /// `HTTPS_PROXY`: for https addresses.
    pub https: Option<String>,
    /// `HTTP_PROXY`: for plain HTTP addresses.
    pub http: Option<String>,
    /// `NO_PROXY`: hosts, domains and networks that are reached directly.
    pub except: Option<String>,
}

/// How much at once, how often and how long.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests under way at once.
    pub requests: usize,
    /// Requests under way at once to one host.
    pub requests_per_host: usize,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long one request may take, its answer included.
    pub request: Duration,
    /// How long all of it may take.
    pub deadline: Duration,
    /// How often one request is sent before we give up.
    pub attempts: u32,
    /// The wait before the second attempt, at most; it doubles from there.
    pub backoff: Duration,
}

/// More gains nothing: a file or two of connections saturates any link.
const REQUESTS: usize = 64;
/// 100 images at 30 ms each are done in four rounds; proxies in front of
/// registries commonly allow a hundred connections from one address.
const REQUESTS_PER_HOST: usize = 32;
/// Docker's own.
const CONNECT: Duration = Duration::from_secs(10);
/// A manifest is small; a pull-through cache may have to fetch it first.
const REQUEST: Duration = Duration::from_secs(30);
/// What a person waits for before they look for what is wrong.
const DEADLINE: Duration = Duration::from_secs(120);
/// With the backoff below, the last attempt comes within four seconds.
const ATTEMPTS: u32 = 5;
/// See [`ATTEMPTS`].
const BACKOFF: Duration = Duration::from_millis(250);

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: REQUESTS,
            requests_per_host: REQUESTS_PER_HOST,
            connect: CONNECT,
            request: REQUEST,
            deadline: DEADLINE,
            attempts: ATTEMPTS,
            backoff: BACKOFF,
        }
    }
}

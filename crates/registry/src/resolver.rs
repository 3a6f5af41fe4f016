//! Many references at once, each to its digest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::digest::Digest;
use model::finding::{Class, Finding};
use model::image::ImageRef;
use reqwest::{Client, NoProxy, redirect};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::address::Rules;
use crate::document::Document;
use crate::endpoint::{Endpoint, spell};
use crate::error::RegistryError;
use crate::http::Http;
pub use crate::media_type::MediaType;
use crate::settings::Settings;

/// The tag of a reference that has neither tag nor digest.
const LATEST: &str = "latest";

/// What never goes through a proxy.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// What a reference names now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The digest of the manifest or index, as the registry serves it.
    pub digest: Digest,
    /// Its kind; unknown for a reference that had a digest already, which is
    /// not asked for.
    pub media_type: Option<MediaType>,
}

/// Why a resolver cannot be made of its settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A proxy's address is none.
    #[error("the proxy address {0:?} is not valid")]
    Proxy(String),
    /// The certificate authorities cannot be read.
    #[error("cannot read the certificate authorities in {path}: {source}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds no certificate.
    #[error("{path} holds no certificate in PEM form")]
    NoAuthorities {
        /// The file.
        path: PathBuf,
    },
    /// TLS cannot be set up, for instance for lack of system authorities.
    #[error("cannot set up secure connections")]
    Tls(#[source] reqwest::Error),
}

impl SettingsError {
    /// As a finding.
    pub fn finding(&self) -> Finding {
        let help = match self {
            Self::Proxy(_) => "write HTTPS_PROXY as http://host:port",
            Self::Authorities { .. } | Self::NoAuthorities { .. } => {
                "let SSL_CERT_FILE name a readable file with certificates, or unset it"
            }
            Self::Tls(_) => "install the system's certificate authorities (ca-certificates)",
        };
        Finding::error("registry-settings", Class::Usage, self.to_string()).help(help)
    }
}

/// Resolves references.
pub struct Resolver {
    settings: Settings,
    client: Client,
    sent: AtomicU64,
}

type MakeProxy = fn(String) -> reqwest::Result<reqwest::Proxy>;

/// Images of one registry: its mirrors in order, itself last.
type Places = Vec<Arc<Endpoint>>;

/// What is asked for: registry, repository, and tag or digest.
type Target = (String, String, String);

/// What the registries answered.
pub type Answers = BTreeMap<ImageRef, Result<Resolved, RegistryError>>;

impl Resolver {
    /// Makes one. Reads the file of certificate authorities; opens no
    /// connection.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let client = client(&settings)?;
        Ok(Self {
            settings,
            client,
            sent: AtomicU64::new(0),
        })
    }

    /// Resolves all of these at once; the answer has an entry for each.
    ///
    /// A reference with a digest needs no request. References that mean the
    /// same share one. Nothing takes longer than the deadline of the
    /// settings.
    pub async fn resolve_all(&self, images: &BTreeSet<ImageRef>) -> Answers {
        let mut targets: BTreeMap<Target, Vec<ImageRef>> = BTreeMap::new();
        let mut answers = BTreeMap::new();
        for image in images {
            if let Some(digest) = image.digest() {
                let media_type = None;
                answers.insert(image.clone(), Ok(Resolved { digest, media_type }));
            } else {
                targets
                    .entry(target(image, image.tag().unwrap_or(LATEST)))
                    .or_default()
                    .push(image.clone());
            }
        }
        answers.extend(self.ask(targets).await);
        answers
    }

    /// Asks whether the registries, or mirrors of theirs, still have what these
    /// name by digest; the answer has an entry for each that has one.
    /// [`RegistryError::NotFound`] says that the registry itself does not.
    ///
    /// Tags are not looked at: what they name now is of no concern.
    pub async fn look_up(&self, images: &BTreeSet<ImageRef>) -> Answers {
        let mut targets: BTreeMap<Target, Vec<ImageRef>> = BTreeMap::new();
        for image in images {
            if let Some(digest) = image.digest() {
                targets
                    .entry(target(image, &digest.to_string()))
                    .or_default()
                    .push(image.clone());
            }
        }
        let mut answers = self.ask(targets).await;
        for (image, answer) in &mut answers {
            if let Ok(resolved) = answer
                && image.digest() != Some(resolved.digest)
            {
                *answer = Err(RegistryError::BadAnswer {
                    registry: image.registry().to_owned(),
                    wanted: image.to_string(),
                    why: crate::error::Said::new("it has another digest"),
                });
            }
        }
        answers
    }

    async fn ask(&self, targets: BTreeMap<Target, Vec<ImageRef>>) -> Answers {
        let mut answers = BTreeMap::new();
        if targets.is_empty() {
            return answers;
        }
        let http = Arc::new(Http {
            client: self.client.clone(),
            rules: Rules::new(
                &self.settings.plain_http,
                &self.settings.realms,
                &self.settings.mirrors,
            ),
            permits: Semaphore::new(self.settings.limits.requests.max(1)),
            deadline: Instant::now() + self.settings.limits.deadline,
            limits: self.settings.limits.clone(),
            sent: AtomicU64::new(0),
        });
        let places = self.places(&http, targets.keys());
        let mut running = JoinSet::new();
        for target in targets.keys().cloned() {
            let http = Arc::clone(&http);
            let places = places.get(&target.0).cloned().unwrap_or_default();
            running.spawn(async move {
                let answer = timeout_at(http.deadline, resolve(&http, &places, &target)).await;
                let late = |_| {
                    Err(RegistryError::Timeout {
                        registry: target.0.clone(),
                        after: http.limits.deadline,
                    })
                };
                let answer = answer.unwrap_or_else(late);
                (target, answer)
            });
        }
        while let Some(done) = running.join_next().await {
            let (target, answer) = match done {
                Ok(done) => done,
                Err(lost) => std::panic::resume_unwind(lost.into_panic()),
            };
            let answer = answer.map(|document| Resolved {
                digest: document.digest,
                media_type: Some(document.media_type),
            });
            for image in targets.get(&target).into_iter().flatten() {
                answers.insert(image.clone(), answer.clone());
            }
        }
        self.sent
            .fetch_add(http.sent.load(Ordering::Relaxed), Ordering::Relaxed);
        answers
    }

    /// [`Resolver::resolve_all`] for callers without a runtime: it makes one of
    /// one thread and waits.
    ///
    /// Must not be called from within a runtime.
    pub fn resolve_blocking(&self, images: &BTreeSet<ImageRef>) -> Answers {
        block_on(images, self.resolve_all(images))
    }

    /// [`Resolver::look_up`] for callers without a runtime, likewise.
    pub fn look_up_blocking(&self, images: &BTreeSet<ImageRef>) -> Answers {
        block_on(images, self.look_up(images))
    }

    /// How many requests were sent until now, tokens, retries and redirects
    /// included.
    pub fn requests(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn places<'a>(
        &self,
        http: &Http,
        targets: impl Iterator<Item = &'a Target>,
    ) -> BTreeMap<String, Places> {
        let mut repositories: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (registry, repository, _) in targets {
            repositories.entry(registry).or_default().insert(repository);
        }
        let mut places = BTreeMap::new();
        for (registry, repositories) in repositories {
            let mirrors = self.settings.mirrors.get(registry).into_iter().flatten();
            let mut hosts: Vec<(String, Option<String>)> = mirrors
                .map(|m| (m.host.clone(), m.prefix.clone()))
                .collect();
            hosts.push((registry.to_owned(), None));
            let endpoints = hosts.into_iter().map(|(host, prefix)| {
                let credentials = self.settings.credentials.clone();
                let mut endpoint = Endpoint::new(host, prefix, http, credentials);
                for repository in &repositories {
                    endpoint.expect(repository);
                }
                Arc::new(endpoint)
            });
            places.insert(registry.to_owned(), endpoints.collect());
        }
        places
    }
}

fn target(image: &ImageRef, reference: &str) -> Target {
    (
        image.registry().to_owned(),
        image.repository(),
        reference.to_owned(),
    )
}

/// Waits for the answers with a runtime made for them.
fn block_on(images: &BTreeSet<ImageRef>, asking: impl Future<Output = Answers>) -> Answers {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let answers = runtime.block_on(asking);
            // A name that is still being looked up, or a helper that is still
            // running, must not hold us past the deadline.
            runtime.shutdown_background();
            answers
        }
        Err(e) => images
            .iter()
            .map(|image| {
                let error = RegistryError::Network {
                    registry: image.registry().to_owned(),
                    why: crate::error::Said::new(&e.to_string()),
                };
                (image.clone(), Err(error))
            })
            .collect(),
    }
}

/// Asks one place after the other; what the last one, the registry itself,
/// says is what counts when none has it.
async fn resolve(
    http: &Http,
    places: &[Arc<Endpoint>],
    (registry, repository, reference): &Target,
) -> Result<Document, RegistryError> {
    let mut answer = Err(RegistryError::NotFound {
        registry: registry.clone(),
        wanted: spell(repository, reference),
    });
    for place in places {
        answer = place.document(http, repository, reference).await;
        if answer.is_ok() {
            break;
        }
    }
    answer
}

fn client(settings: &Settings) -> Result<Client, SettingsError> {
    let limits = &settings.limits;
    let mut builder = Client::builder()
        .user_agent(&settings.user_agent)
        // Ours: reqwest's would not know which addresses to refuse.
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(limits.connect)
        .timeout(limits.request)
        .pool_max_idle_per_host(limits.requests_per_host)
        .tcp_nodelay(true)
        .no_proxy();
    let except = settings.proxy.except.as_deref().unwrap_or_default();
    let except = NoProxy::from_string(&format!("{LOOPBACK},{except}"));
    let proxies: [(_, MakeProxy); 2] = [
        (&settings.proxy.https, reqwest::Proxy::https),
        (&settings.proxy.http, reqwest::Proxy::http),
    ];
    for (address, proxy) in proxies {
        let Some(address) = address.as_ref().filter(|a| !a.is_empty()) else {
            continue;
        };
        let proxy = proxy(address.clone()).map_err(|_| SettingsError::Proxy(shown(address)))?;
        builder = builder.proxy(proxy.no_proxy(except.clone()));
    }
    if let Some(path) = &settings.authorities {
        let pem = fs::read(path).map_err(|source| SettingsError::Authorities {
            path: path.clone(),
            source,
        })?;
        let authorities = reqwest::Certificate::from_pem_bundle(&pem)
            .ok()
            .filter(|found| !found.is_empty())
            .ok_or_else(|| SettingsError::NoAuthorities { path: path.clone() })?;
        builder = builder.tls_certs_only(authorities);
    }
    builder.build().map_err(SettingsError::Tls)
}

/// A proxy's address without the password that may be in it.
fn shown(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => address.to_owned(),
    }
}

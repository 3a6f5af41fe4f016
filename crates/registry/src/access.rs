//! Who we are to one registry: logins, and tokens that many requests share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as BlockingMutex, PoisonError};

use reqwest::Url;
use reqwest::header::{HeaderValue, WWW_AUTHENTICATE};
use tokio::sync::{Mutex, OnceCell};

use crate::address::authority;
use crate::challenge::{self, Challenge};
use crate::credentials::Credentials;
use crate::error::{Credential, Onward, RegistryError, Said};
use crate::http::{Answer, Http, Lane};
use crate::login::Login;
use crate::token::{self, Realm, Token};

/// How many repositories one token is asked for. A hundred images then need a
/// handful of tokens, and a token stays near 2 KiB, a quarter of the header
/// that common proxies take.
const SCOPES_PER_TOKEN: usize = 10;

/// How a registry wants us to prove who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Not at all.
    Open,
    /// With a password.
    Basic,
    /// With a token from the realm named here, which is not yet judged.
    Bearer {
        /// As the registry writes it.
        realm: String,
        /// What the registry calls itself there.
        service: Option<String>,
    },
}

impl Scheme {
    /// What the challenges of an answer ask for, bearer before basic, and the
    /// scopes that they name. `None` when they ask for nothing that is known
    /// here.
    pub(crate) fn of(answer: &Answer) -> Option<(Self, BTreeSet<String>)> {
        let challenges = challenges(answer);
        let of = |scheme: &str| challenges.iter().find(|c| c.scheme == scheme);
        if let Some(bearer) = of("bearer")
            && let Some(realm) = bearer.get("realm")
        {
            let scheme = Self::Bearer {
                realm: realm.to_owned(),
                service: bearer.get("service").map(str::to_owned),
            };
            return Some((scheme, bearer.scopes()));
        }
        of("basic").map(|_| (Self::Basic, BTreeSet::new()))
    }
}

/// Whether an answer says that the token it was sent is for something else.
pub(crate) fn lacks_scope(answer: &Answer) -> bool {
    challenges(answer)
        .iter()
        .any(|c| c.get("error") == Some("insufficient_scope"))
}

fn challenges(answer: &Answer) -> Vec<Challenge> {
    answer
        .headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(challenge::parse)
        .collect()
}

/// What is sent along with a request.
pub(crate) struct Proof {
    /// As a header; a registry that is open is sent none.
    pub(crate) header: Option<HeaderValue>,
    /// Whether a login is behind it.
    pub(crate) credential: Credential,
    /// How many repositories share it.
    pub(crate) shared_by: usize,
}

/// By repository.
type Logins = BTreeMap<String, Option<Arc<Login>>>;

/// One token, fetched once however many wait for it.
type Slot = Mutex<Option<Result<Token, RegistryError>>>;

/// What proves who we are to one registry.
pub(crate) struct Access {
    registry: String,
    credentials: Credentials,
    /// All that will be asked for, so that tokens can be shared.
    repositories: BTreeSet<String>,
    logins: OnceCell<Result<Logins, RegistryError>>,
    tokens: BlockingMutex<BTreeMap<BTreeSet<String>, Arc<Slot>>>,
    /// Logins that were refused once. They are not sent again: many a
    /// registry locks an account after a few wrong passwords.
    refused: BlockingMutex<Vec<Arc<Login>>>,
    /// The token server grants one repository at a time.
    tokens_are_single: AtomicBool,
}

impl Access {
    pub(crate) fn new(registry: String, credentials: Credentials) -> Self {
        Self {
            registry,
            credentials,
            repositories: BTreeSet::new(),
            logins: OnceCell::new(),
            tokens: BlockingMutex::default(),
            refused: BlockingMutex::default(),
            tokens_are_single: AtomicBool::new(false),
        }
    }

    /// Says that this repository will be asked for.
    pub(crate) fn expect(&mut self, repository: String) {
        self.repositories.insert(repository);
    }

    /// What to send for a repository, shared with others where it can be.
    pub(crate) async fn shared(
        &self,
        http: &Http,
        lane: &Lane,
        base: &Url,
        scheme: &Scheme,
        repository: &str,
    ) -> Result<Proof, RegistryError> {
        match scheme {
            Scheme::Open => Ok(Proof {
                header: None,
                credential: Credential::None,
                shared_by: 1,
            }),
            Scheme::Basic => self.basic(repository).await,
            Scheme::Bearer { realm, service } => {
                let group = self.group(repository).await?;
                let scopes = group.iter().map(|r| scope(r)).collect();
                let realm = self
                    .realm(http, base, realm, service.as_ref(), repository)
                    .await?;
                let proof = self.token(http, lane, &realm, repository, scopes).await?;
                Ok(Proof {
                    shared_by: group.len(),
                    ..proof
                })
            }
        }
    }

    /// What to send for this repository alone, with these scopes beside its
    /// own; `None` when the registry asks for nothing.
    pub(crate) async fn alone(
        &self,
        http: &Http,
        lane: &Lane,
        base: &Url,
        (scheme, mut scopes): (Scheme, BTreeSet<String>),
        repository: &str,
    ) -> Result<Option<Proof>, RegistryError> {
        match scheme {
            Scheme::Open => Ok(None),
            Scheme::Basic => self.basic(repository).await.map(Some),
            Scheme::Bearer { realm, service } => {
                scopes.insert(scope(repository));
                let realm = self
                    .realm(http, base, &realm, service.as_ref(), repository)
                    .await?;
                self.token(http, lane, &realm, repository, scopes)
                    .await
                    .map(Some)
            }
        }
    }

    /// Whether a token for one repository may be had where one for several
    /// was refused. A login that is wrong is wrong for one, too.
    pub(crate) async fn may_be_better_alone(
        &self,
        error: &RegistryError,
        repository: &str,
    ) -> bool {
        let by_sharing = matches!(
            error,
            RegistryError::Denied { .. }
                | RegistryError::Unauthorized {
                    credential: Credential::None,
                    ..
                }
        );
        by_sharing && self.group(repository).await.is_ok_and(|g| g.len() > 1)
    }

    /// Says that a token for one was taken where one for several was not.
    pub(crate) fn share_no_more(&self) {
        self.tokens_are_single.store(true, Ordering::Relaxed);
    }

    /// Says that the password for this repository was refused.
    pub(crate) async fn refuse(&self, repository: &str) {
        if let Ok(Some(login)) = self.login(repository).await {
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            if !refused.contains(&login) {
                refused.push(login);
            }
        }
    }

    async fn basic(&self, repository: &str) -> Result<Proof, RegistryError> {
        let login = self.login(repository).await?;
        let unauthorized = |credential| RegistryError::Unauthorized {
            registry: self.registry.clone(),
            repository: repository.to_owned(),
            credential,
            said: Said::default(),
        };
        let Some(Login::Password { user, password }) = login.as_deref() else {
            return Err(unauthorized(Credential::None));
        };
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.iter().any(|r| Some(r) == login.as_ref()) {
            return Err(unauthorized(Credential::Sent));
        }
        Ok(Proof {
            header: Some(token::basic(user, password)),
            credential: Credential::Sent,
            shared_by: 1,
        })
    }

    /// The token server that the registry names, if it may be gone to.
    async fn realm(
        &self,
        http: &Http,
        base: &Url,
        realm: &str,
        service: Option<&String>,
        repository: &str,
    ) -> Result<Realm, RegistryError> {
        let has_login = self.login(repository).await?.is_some();
        let url = http
            .rules
            .realm(&self.registry, base, realm, has_login)
            .map_err(|fault| {
                let host = Url::parse(realm).ok().filter(Url::has_host);
                RegistryError::AddressRefused {
                    registry: self.registry.clone(),
                    to: Said::new(&host.map_or_else(|| realm.to_owned(), |url| authority(&url))),
                    onward: Onward::Realm,
                    fault,
                }
            })?;
        Ok(Realm {
            url,
            service: service.cloned(),
        })
    }

    async fn token(
        &self,
        http: &Http,
        lane: &Lane,
        realm: &Realm,
        repository: &str,
        scopes: BTreeSet<String>,
    ) -> Result<Proof, RegistryError> {
        let login = self.login(repository).await?;
        let slot = {
            let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(tokens.entry(scopes.clone()).or_default())
        };
        let mut held = slot.lock().await;
        let known = match &*held {
            Some(Ok(token)) if !token.is_fresh() => None,
            other => other.clone(),
        };
        let token = if let Some(known) = known {
            known
        } else {
            let login = login.as_deref();
            let fetched = token::fetch(http, lane, &self.registry, realm, &scopes, login).await;
            held.insert(fetched).clone()
        }?;
        Ok(Proof {
            header: Some(token.header),
            credential: login.map_or(Credential::None, |_| Credential::Sent),
            shared_by: 1,
        })
    }

    /// The repositories that share a token with this one: same credentials,
    /// [`SCOPES_PER_TOKEN`] at most.
    async fn group(&self, repository: &str) -> Result<Vec<String>, RegistryError> {
        if self.tokens_are_single.load(Ordering::Relaxed) {
            return Ok(vec![repository.to_owned()]);
        }
        let logins = self.logins().await?;
        let own = logins.get(repository);
        let alike: Vec<&String> = logins
            .iter()
            .filter(|(_, login)| Some(*login) == own)
            .map(|(repository, _)| repository)
            .collect();
        Ok(alike
            .chunks(SCOPES_PER_TOKEN)
            .find(|chunk| chunk.iter().any(|r| *r == repository))
            .map_or_else(
                || vec![repository.to_owned()],
                |chunk| chunk.iter().map(|r| (*r).clone()).collect(),
            ))
    }

    async fn login(&self, repository: &str) -> Result<Option<Arc<Login>>, RegistryError> {
        Ok(self.logins().await?.get(repository).cloned().flatten())
    }

    /// The logins of all repositories, looked up once and on a thread where
    /// files and helpers may take their time.
    async fn logins(&self) -> Result<&Logins, RegistryError> {
        let found = self
            .logins
            .get_or_init(|| async {
                let credentials = self.credentials.clone();
                let registry = self.registry.clone();
                let repositories = self.repositories.clone();
                let found = tokio::task::spawn_blocking(move || {
                    repositories
                        .into_iter()
                        .map(|repository| {
                            let login = credentials.login(&registry, &repository)?;
                            Ok((repository, login.map(Arc::new)))
                        })
                        .collect::<Result<Logins, Said>>()
                });
                found
                    .await
                    .unwrap_or_else(|_| Err(Said::new("looking them up failed")))
                    .map_err(|why| RegistryError::Credentials {
                        registry: self.registry.clone(),
                        why,
                    })
            })
            .await;
        found.as_ref().map_err(Clone::clone)
    }
}

fn scope(repository: &str) -> String {
    format!("repository:{repository}:pull")
}

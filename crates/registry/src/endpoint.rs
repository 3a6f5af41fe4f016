//! One registry, or one mirror of it, during one run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as BlockingMutex, PoisonError};

use reqwest::header::{HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode, Url};
use tokio::sync::{Mutex, OnceCell};

use crate::challenge::{self, Challenge};
use crate::credentials::Credentials;
use crate::document::Document;
use crate::error::{Credential, Onward, RegistryError, Said};
use crate::http::{Answer, Ask, Http, Lane, Redirects};
use crate::login::Login;
use crate::media_type::ACCEPT;
use crate::token::{self, Realm, Token};

/// How many repositories one token is asked for. A hundred images then need a
/// handful of tokens, and a token stays near 2 KiB, a quarter of the header
/// that common proxies take.
const SCOPES_PER_TOKEN: usize = 10;

/// What one registry is asked for, and what is known of it so far.
pub(crate) struct Endpoint {
    /// As images and settings name it.
    registry: String,
    /// A mirror's path before its repositories.
    prefix: Option<String>,
    bases: Vec<Url>,
    /// All that will be asked for, so that tokens can be shared.
    repositories: BTreeSet<String>,
    credentials: Credentials,
    lane: Lane,
    opening: OnceCell<Result<Opening, RegistryError>>,
    logins: OnceCell<Result<Logins, RegistryError>>,
    tokens: BlockingMutex<BTreeMap<BTreeSet<String>, Arc<Slot>>>,
    /// Seen once, believed ever after: asking for more would be in vain.
    head_lacks_digest: AtomicBool,
    tokens_are_single: AtomicBool,
}

/// What the first request told.
#[derive(Clone)]
struct Opening {
    base: Url,
    scheme: Scheme,
}

/// How the registry wants us to prove who we are.
#[derive(Clone)]
enum Scheme {
    /// Not at all.
    Open,
    Basic,
    /// With a token from the realm named here, which is not yet judged.
    Bearer {
        realm: String,
        service: Option<String>,
    },
}

/// By repository.
type Logins = BTreeMap<String, Option<Arc<Login>>>;

/// One token, fetched once however many wait for it.
type Slot = Mutex<Option<Result<Token, RegistryError>>>;

/// What is sent along, and how many repositories share it.
struct Proof {
    header: Option<HeaderValue>,
    credential: Credential,
    shared_by: usize,
}

/// One manifest to ask for.
struct Wanted {
    repository: String,
    tag: String,
    /// For people.
    text: String,
}

impl Endpoint {
    pub(crate) fn new(
        registry: String,
        prefix: Option<String>,
        http: &Http,
        credentials: Credentials,
    ) -> Self {
        Self {
            bases: http.rules.bases(&registry),
            registry,
            prefix,
            repositories: BTreeSet::new(),
            credentials,
            lane: Lane::new(&http.limits),
            opening: OnceCell::new(),
            logins: OnceCell::new(),
            tokens: BlockingMutex::default(),
            head_lacks_digest: AtomicBool::new(false),
            tokens_are_single: AtomicBool::new(false),
        }
    }

    /// Says that this repository will be asked for.
    pub(crate) fn expect(&mut self, repository: &str) {
        let repository = self.local(repository);
        self.repositories.insert(repository);
    }

    fn local(&self, repository: &str) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}/{repository}"),
            None => repository.to_owned(),
        }
    }

    /// Asks what a tag names: by HEAD, or by GET where that says too little.
    pub(crate) async fn document(
        &self,
        http: &Http,
        repository: &str,
        tag: &str,
    ) -> Result<Document, RegistryError> {
        let repository = self.local(repository);
        let wanted = Wanted {
            text: format!("{repository}:{tag}"),
            repository,
            tag: tag.to_owned(),
        };
        let mut first = None;
        let slot = &mut first;
        let opening = self
            .opening
            .get_or_init(|| async {
                let (opening, answer) = self.open(http, &wanted).await?;
                *slot = answer;
                Ok(opening)
            })
            .await
            .clone()?;
        if !self.head_lacks_digest.load(Ordering::Relaxed) {
            let answer = match first {
                Some(answer) => answer,
                None => self.ask(http, &opening, Method::HEAD, &wanted).await?,
            };
            match answer.status.as_u16() {
                200 => match Document::of_head(&answer) {
                    Ok(Some(document)) => return Ok(document),
                    Ok(None) => self.head_lacks_digest.store(true, Ordering::Relaxed),
                    Err(why) => return Err(self.bad(&wanted, &why.to_string())),
                },
                // Some know no HEAD here; all know GET.
                400 | 405 | 406 | 501 => {}
                _ => return Err(self.refusal(&answer, &wanted)),
            }
        }
        let answer = self.ask(http, &opening, Method::GET, &wanted).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&answer, &wanted));
        }
        Document::of_body(&answer).map_err(|e| self.bad(&wanted, &e.to_string()))
    }

    /// The first request: tells where the registry answers and what it wants,
    /// and answers what was wanted when it wants nothing.
    async fn open(
        &self,
        http: &Http,
        wanted: &Wanted,
    ) -> Result<(Opening, Option<Answer>), RegistryError> {
        let mut last = None;
        for base in &self.bases {
            let answer = self.send(http, base, Method::HEAD, wanted, None).await?;
            // What an HTTPS server says to plain HTTP.
            let is_other_scheme = answer.status == StatusCode::BAD_REQUEST
                && base.scheme() == "http"
                && self.bases.len() > 1;
            let scheme = match answer.status {
                StatusCode::UNAUTHORIZED => self.scheme(&answer, wanted)?.0,
                _ => Scheme::Open,
            };
            let opening = Opening {
                base: base.clone(),
                scheme,
            };
            let usable = (answer.status != StatusCode::UNAUTHORIZED).then_some(answer);
            last = Some((opening, usable));
            if !is_other_scheme {
                break;
            }
        }
        last.ok_or_else(|| RegistryError::Network {
            registry: self.registry.clone(),
            why: Said::new("that is no host name"),
        })
    }

    /// What the challenges of a 401 ask for, bearer before basic, and the
    /// scopes that they name.
    fn scheme(
        &self,
        answer: &Answer,
        wanted: &Wanted,
    ) -> Result<(Scheme, BTreeSet<String>), RegistryError> {
        let challenges = challenges(answer);
        let of = |scheme: &str| challenges.iter().find(|c| c.scheme == scheme);
        if let Some(bearer) = of("bearer")
            && let Some(realm) = bearer.get("realm")
        {
            let scheme = Scheme::Bearer {
                realm: realm.to_owned(),
                service: bearer.get("service").map(str::to_owned),
            };
            return Ok((scheme, bearer.scopes()));
        }
        if of("basic").is_some() {
            return Ok((Scheme::Basic, BTreeSet::new()));
        }
        Err(self.bad(
            wanted,
            "it wants credentials and names no way to send them that is known here",
        ))
    }

    /// Sends a request with what the registry wants to see.
    async fn ask(
        &self,
        http: &Http,
        opening: &Opening,
        method: Method,
        wanted: &Wanted,
    ) -> Result<Answer, RegistryError> {
        let proof = match self.proof(http, opening, wanted).await {
            // A token server may refuse all for one of several.
            Err(RegistryError::Unauthorized { .. } | RegistryError::Denied { .. })
                if self.group(&wanted.repository).await?.len() > 1 =>
            {
                Proof {
                    header: None,
                    credential: Credential::None,
                    shared_by: usize::MAX,
                }
            }
            other => other?,
        };
        let mut credential = proof.credential;
        let mut refused = None;
        if proof.shared_by != usize::MAX {
            let answer = self
                .send(http, &opening.base, method.clone(), wanted, proof.header)
                .await?;
            if !is_refusal(answer.status) {
                return Ok(answer);
            }
            refused = Some(answer);
        }
        // Once more, with a token for this repository alone and for what the
        // registry now says it wants.
        let may_be_better = proof.shared_by > 1 || matches!(opening.scheme, Scheme::Open);
        if may_be_better {
            let (scheme, mut scopes) = match &refused {
                Some(answer) if !challenges(answer).is_empty() => self.scheme(answer, wanted)?,
                _ => (opening.scheme.clone(), BTreeSet::new()),
            };
            let proof = match &scheme {
                Scheme::Open => None,
                Scheme::Basic => Some(self.basic(wanted).await?),
                Scheme::Bearer { realm, service } => {
                    scopes.insert(scope(&wanted.repository));
                    let token = self
                        .token(
                            http,
                            opening,
                            (realm, service.as_deref()),
                            wanted,
                            scopes,
                            1,
                        )
                        .await?;
                    Some(token)
                }
            };
            if let Some(proof) = proof {
                credential = proof.credential;
                let answer = self
                    .send(http, &opening.base, method, wanted, proof.header)
                    .await?;
                if !is_refusal(answer.status) {
                    if matches!(opening.scheme, Scheme::Bearer { .. }) {
                        self.tokens_are_single.store(true, Ordering::Relaxed);
                    }
                    return Ok(answer);
                }
                refused = Some(answer);
            }
        }
        Err(match refused {
            Some(answer) => self.unauthorized(&answer, wanted, credential),
            None => self.bad(wanted, "its token server gives no token"),
        })
    }

    async fn proof(
        &self,
        http: &Http,
        opening: &Opening,
        wanted: &Wanted,
    ) -> Result<Proof, RegistryError> {
        match &opening.scheme {
            Scheme::Open => Ok(Proof {
                header: None,
                credential: Credential::None,
                shared_by: 1,
            }),
            Scheme::Basic => self.basic(wanted).await,
            Scheme::Bearer { realm, service } => {
                let group = self.group(&wanted.repository).await?;
                let scopes = group.iter().map(|r| scope(r)).collect();
                let realm = (realm.as_str(), service.as_deref());
                self.token(http, opening, realm, wanted, scopes, group.len())
                    .await
            }
        }
    }

    async fn basic(&self, wanted: &Wanted) -> Result<Proof, RegistryError> {
        match self.login(&wanted.repository).await?.as_deref() {
            Some(Login::Password { user, password }) => Ok(Proof {
                header: Some(token::basic(user, password)),
                credential: Credential::Sent,
                shared_by: 1,
            }),
            _ => Err(RegistryError::Unauthorized {
                registry: self.registry.clone(),
                repository: wanted.repository.clone(),
                credential: Credential::None,
                said: Said::default(),
            }),
        }
    }

    async fn token(
        &self,
        http: &Http,
        opening: &Opening,
        (realm, service): (&str, Option<&str>),
        wanted: &Wanted,
        scopes: BTreeSet<String>,
        shared_by: usize,
    ) -> Result<Proof, RegistryError> {
        let login = self.login(&wanted.repository).await?;
        let url = http
            .rules
            .realm(&self.registry, &opening.base, realm, login.is_some())
            .map_err(|fault| RegistryError::AddressRefused {
                registry: self.registry.clone(),
                to: Said::new(
                    &Url::parse(realm)
                        .ok()
                        .filter(Url::has_host)
                        .map_or_else(|| realm.to_owned(), |url| crate::address::authority(&url)),
                ),
                onward: Onward::Realm,
                fault,
            })?;
        let realm = Realm {
            url,
            service: service.map(str::to_owned),
        };
        let slot = {
            let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(tokens.entry(scopes.clone()).or_default())
        };
        let mut held = slot.lock().await;
        let is_good = match &*held {
            Some(Ok(token)) => token.is_fresh(),
            Some(Err(_)) => true,
            None => false,
        };
        if !is_good {
            let login = login.as_deref();
            *held =
                Some(token::fetch(http, &self.lane, &self.registry, &realm, &scopes, login).await);
        }
        let token = match &*held {
            Some(Ok(token)) => token,
            Some(Err(error)) => return Err(error.clone()),
            None => return Err(self.bad(wanted, "its token server gives no token")),
        };
        Ok(Proof {
            header: Some(token.header.clone()),
            credential: login.map_or(Credential::None, |_| Credential::Sent),
            shared_by,
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

    async fn send(
        &self,
        http: &Http,
        base: &Url,
        method: Method,
        wanted: &Wanted,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, RegistryError> {
        let path = format!("v2/{}/manifests/{}", wanted.repository, wanted.tag);
        let url = base
            .join(&path)
            .map_err(|_| self.bad(wanted, "its name fits no address"))?;
        let ask = Ask {
            registry: &self.registry,
            wanted: &wanted.text,
            method,
            url,
            accept: Some(ACCEPT),
            authorization,
            form: None,
            redirects: Redirects::Follow,
        };
        http.send(&self.lane, &ask).await
    }

    fn bad(&self, wanted: &Wanted, why: &str) -> RegistryError {
        RegistryError::BadAnswer {
            registry: self.registry.clone(),
            wanted: wanted.text.clone(),
            why: Said::new(why),
        }
    }

    /// What an answer that is no success means, credentials aside.
    fn refusal(&self, answer: &Answer, wanted: &Wanted) -> RegistryError {
        match answer.status {
            StatusCode::NOT_FOUND => RegistryError::NotFound {
                registry: self.registry.clone(),
                wanted: wanted.text.clone(),
            },
            status if is_refusal(status) => self.unauthorized(answer, wanted, Credential::None),
            status => {
                let said = answer.said();
                let why = format!("it answers {} {said}", status.as_u16());
                self.bad(wanted, &why)
            }
        }
    }

    fn unauthorized(
        &self,
        answer: &Answer,
        wanted: &Wanted,
        credential: Credential,
    ) -> RegistryError {
        let registry = self.registry.clone();
        let repository = wanted.repository.clone();
        let said = answer.said();
        let lacks_scope = challenges(answer)
            .iter()
            .any(|c| c.get("error") == Some("insufficient_scope"));
        if answer.status == StatusCode::FORBIDDEN || lacks_scope {
            RegistryError::Denied {
                registry,
                repository,
                said,
            }
        } else {
            RegistryError::Unauthorized {
                registry,
                repository,
                credential,
                said,
            }
        }
    }
}

fn scope(repository: &str) -> String {
    format!("repository:{repository}:pull")
}

fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
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

//! One registry, or one mirror of it, during one run.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode, Url};
use tokio::sync::OnceCell;

use crate::access::{Access, Scheme, lacks_scope};
use crate::credentials::Credentials;
use crate::document::Document;
use crate::error::{Credential, RegistryError, Said};
use crate::http::{Answer, Ask, Http, Lane, Redirects};
use crate::media_type::ACCEPT;

/// What one registry is asked for, and what is known of it so far.
pub(crate) struct Endpoint {
    /// As images and settings name it.
    registry: String,
    /// A mirror's path before its repositories.
    prefix: Option<String>,
    bases: Vec<Url>,
    lane: Lane,
    access: Access,
    opening: OnceCell<Result<Opening, RegistryError>>,
    /// Seen once, believed ever after: asking for more would be in vain.
    head_lacks_digest: AtomicBool,
}

/// What the first request told.
#[derive(Clone)]
struct Opening {
    base: Url,
    scheme: Scheme,
}

/// One manifest to ask for.
struct Wanted {
    repository: String,
    /// A tag or a digest.
    reference: String,
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
            lane: Lane::new(&http.limits),
            access: Access::new(registry.clone(), credentials),
            registry,
            prefix,
            opening: OnceCell::new(),
            head_lacks_digest: AtomicBool::new(false),
        }
    }

    /// Says that this repository will be asked for.
    pub(crate) fn expect(&mut self, repository: &str) {
        let repository = self.local(repository);
        self.access.expect(repository);
    }

    fn local(&self, repository: &str) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}/{repository}"),
            None => repository.to_owned(),
        }
    }

    /// Asks what a tag or a digest names: by HEAD, or by GET where that says
    /// too little.
    pub(crate) async fn document(
        &self,
        http: &Http,
        repository: &str,
        reference: &str,
    ) -> Result<Document, RegistryError> {
        let repository = self.local(repository);
        let wanted = Wanted {
            text: spell(&repository, reference),
            repository,
            reference: reference.to_owned(),
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
    /// and answers what was wanted when it wants nothing, or a password.
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
            last = Some((base, answer));
            if !is_other_scheme {
                break;
            }
        }
        let (base, answer) = last.ok_or_else(|| RegistryError::Network {
            registry: self.registry.clone(),
            why: Said::new("that is no host name"),
        })?;
        let mut opening = Opening {
            base: base.clone(),
            scheme: Scheme::Open,
        };
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok((opening, Some(answer)));
        }
        opening.scheme = Scheme::of(&answer)
            .ok_or_else(|| self.unknown_scheme(wanted))?
            .0;
        // A wrong password is found out by one request, not by as many as may
        // be under way at once.
        let checked = match opening.scheme {
            Scheme::Basic => self.ask(http, &opening, Method::HEAD, wanted).await.ok(),
            Scheme::Open | Scheme::Bearer { .. } => None,
        };
        Ok((opening, checked))
    }

    /// Sends a request with what the registry wants to see.
    async fn ask(
        &self,
        http: &Http,
        opening: &Opening,
        method: Method,
        wanted: &Wanted,
    ) -> Result<Answer, RegistryError> {
        let Opening { base, scheme } = opening;
        let repository = &wanted.repository;
        let shared = self
            .access
            .shared(http, &self.lane, base, scheme, repository)
            .await;
        let (challenge, refusal) = match shared {
            Ok(proof) => {
                let answer = self
                    .send(http, base, method.clone(), wanted, proof.header)
                    .await?;
                if !is_refusal(answer.status) {
                    return Ok(answer);
                }
                if *scheme == Scheme::Basic && answer.status == StatusCode::UNAUTHORIZED {
                    self.access.refuse(repository).await;
                }
                let refusal = self.unauthorized(&answer, wanted, proof.credential);
                if proof.shared_by == 1 && *scheme != Scheme::Open {
                    return Err(refusal);
                }
                (Scheme::of(&answer), refusal)
            }
            Err(error) if self.access.may_be_better_alone(&error, repository).await => {
                (None, error)
            }
            Err(error) => return Err(error),
        };
        // Once more, for this repository alone and with what the registry now
        // says that it wants.
        let challenge = challenge.unwrap_or_else(|| (scheme.clone(), BTreeSet::new()));
        let alone = self
            .access
            .alone(http, &self.lane, base, challenge, repository)
            .await?;
        let Some(proof) = alone else {
            return Err(refusal);
        };
        let answer = self.send(http, base, method, wanted, proof.header).await?;
        if is_refusal(answer.status) {
            return Err(self.unauthorized(&answer, wanted, proof.credential));
        }
        if matches!(scheme, Scheme::Bearer { .. }) {
            self.access.share_no_more();
        }
        Ok(answer)
    }

    async fn send(
        &self,
        http: &Http,
        base: &Url,
        method: Method,
        wanted: &Wanted,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, RegistryError> {
        let path = format!("v2/{}/manifests/{}", wanted.repository, wanted.reference);
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

    fn unknown_scheme(&self, wanted: &Wanted) -> RegistryError {
        self.bad(
            wanted,
            "it wants credentials and names no way to send them that is known here",
        )
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
        if answer.status == StatusCode::FORBIDDEN || lacks_scope(answer) {
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

/// A repository with its tag, or with its digest, as people write it.
pub(crate) fn spell(repository: &str, reference: &str) -> String {
    // No tag has a colon in it.
    let sign = if reference.contains(':') { '@' } else { ':' };
    format!("{repository}{sign}{reference}")
}

fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

//! Bearer tokens, from a registry's token server.
//!
//! Source of the rule: the distribution project's token authentication, and
//! its OAuth 2 form for identity tokens.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use tokio::time::Instant;

use crate::error::{Credential, RegistryError, Said};
use crate::http::{Ask, Http, Lane, Redirects};
use crate::login::{Login, Secret};

/// What a token without `expires_in` is good for, by the specification.
const LIFE: Duration = Duration::from_secs(60);

/// A token is not used this shortly before its end: it has to arrive.
const MARGIN: Duration = Duration::from_secs(5);

/// The longest token that is sent: common proxies take headers of 8 KiB.
const TOKEN_MAX: usize = 8 * 1024;

/// Who we say we are to a token server.
const CLIENT_ID: &str = "consign";

/// A token server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Realm {
    pub(crate) url: Url,
    pub(crate) service: Option<String>,
}

/// A token, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) header: HeaderValue,
    until: Instant,
}

impl Token {
    /// Whether it is still good for a request.
    pub(crate) fn is_fresh(&self) -> bool {
        Instant::now() < self.until
    }
}

#[derive(Deserialize)]
struct Grant {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// Asks a token server for one token for all of these scopes.
pub(crate) async fn fetch(
    http: &Http,
    lane: &Lane,
    registry: &str,
    realm: &Realm,
    scopes: &BTreeSet<String>,
    login: Option<&Login>,
) -> Result<Token, RegistryError> {
    let wanted = format!("a token for {}", list(scopes));
    let mut ask = Ask {
        registry,
        wanted: &wanted,
        method: Method::GET,
        url: realm.url.clone(),
        accept: None,
        authorization: None,
        form: None,
        redirects: Redirects::Refuse,
    };
    let form;
    match login {
        Some(Login::Token(token)) => {
            return bearer(token.reveal(), LIFE * 60).ok_or_else(|| RegistryError::Credentials {
                registry: registry.to_owned(),
                why: Said::new("its registrytoken cannot be sent in a header"),
            });
        }
        Some(Login::Identity(identity)) => {
            form = refresh_form(realm, scopes, identity);
            ask.method = Method::POST;
            ask.form = Some(&form);
        }
        Some(Login::Password { user, password }) => {
            add_query(&mut ask.url, realm, scopes);
            ask.url.query_pairs_mut().append_pair("account", user);
            ask.authorization = Some(basic(user, password));
        }
        None => add_query(&mut ask.url, realm, scopes),
    }
    let answer = http.send(lane, &ask).await?;
    let registry = || registry.to_owned();
    let credential = login.map_or(Credential::None, |_| Credential::Sent);
    let bad = |why: &str| RegistryError::BadAnswer {
        registry: registry(),
        wanted: wanted.clone(),
        why: Said::new(why),
    };
    match answer.status {
        StatusCode::OK => {}
        // OAuth 2 servers say 400 `invalid_grant` for a token that is no good.
        StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST => {
            return Err(RegistryError::Unauthorized {
                registry: registry(),
                repository: list(scopes),
                credential,
                said: answer.said(),
            });
        }
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            return Err(RegistryError::Denied {
                registry: registry(),
                repository: list(scopes),
                said: answer.said(),
            });
        }
        status => {
            return Err(bad(&format!(
                "the token server answers {}",
                status.as_u16()
            )));
        }
    }
    let grant: Grant = serde_json::from_slice(&answer.body)
        .map_err(|_| bad("the token server's answer is not the JSON it should be"))?;
    let life = grant.expires_in.map_or(LIFE, Duration::from_secs).max(LIFE);
    grant
        .token
        .filter(|t| !t.is_empty())
        .or(grant.access_token)
        .and_then(|token| bearer(&token, life))
        .ok_or_else(|| bad("the token server gives no token that can be sent"))
}

/// The repositories of these scopes, for people.
fn list(scopes: &BTreeSet<String>) -> String {
    let names: Vec<&str> = scopes
        .iter()
        .map(|s| s.split(':').nth(1).unwrap_or(s))
        .collect();
    names.join(", ")
}

fn add_query(url: &mut Url, realm: &Realm, scopes: &BTreeSet<String>) {
    let mut query = url.query_pairs_mut();
    if let Some(service) = &realm.service {
        query.append_pair("service", service);
    }
    for scope in scopes {
        query.append_pair("scope", scope);
    }
}

fn refresh_form(realm: &Realm, scopes: &BTreeSet<String>, identity: &Secret) -> String {
    // The encoding of a query is that of a form.
    let mut url = realm.url.clone();
    url.set_query(None);
    {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", CLIENT_ID);
        if let Some(service) = &realm.service {
            query.append_pair("service", service);
        }
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        query
            .append_pair("scope", &scopes.join(" "))
            .append_pair("refresh_token", identity.reveal());
    }
    url.query().unwrap_or_default().to_owned()
}

/// The header of basic authentication.
pub(crate) fn basic(user: &str, password: &Secret) -> HeaderValue {
    let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
    let mut header = HeaderValue::try_from(format!("Basic {pair}"))
        .unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    header.set_sensitive(true);
    header
}

fn bearer(token: &str, life: Duration) -> Option<Token> {
    if token.is_empty() || token.len() > TOKEN_MAX {
        return None;
    }
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(Token {
        header,
        until: Instant::now() + life.saturating_sub(MARGIN),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_cannot_break_out() {
        let realm = Realm {
            url: Url::parse("https://r.example/token?x=1").unwrap(),
            service: Some("a&scope=b#c\r\nX: y\"".to_owned()),
        };
        let scopes = [
            "repository:a:pull".to_owned(),
            "repository:b:pull".to_owned(),
        ]
        .into();
        let mut url = realm.url.clone();
        add_query(&mut url, &realm, &scopes);
        assert_eq!(
            url.as_str(),
            "https://r.example/token?x=1&service=a%26scope%3Db%23c%0D%0AX%3A+y%22\
             &scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull"
        );
        let form = refresh_form(&realm, &scopes, &Secret::new("s&x=1"));
        assert!(form.ends_with("&refresh_token=s%26x%3D1"), "{form}");
        assert!(form.contains("scope=repository%3Aa%3Apull+repository%3Ab%3Apull"));
    }

    #[test]
    fn only_what_a_header_can_hold_is_a_token() {
        assert!(bearer("abc.def", LIFE).is_some());
        assert!(bearer("a\r\nX: y", LIFE).is_none());
        assert!(bearer("", LIFE).is_none());
        assert!(bearer(&"a".repeat(TOKEN_MAX + 1), LIFE).is_none());
    }
}

//! Docker's and podman's configuration of credentials.
//!
//! Source of the rules: the configuration file of docker's command line
//! (`auths`, `credHelpers`, `credsStore`) and containers-auth.json, which adds
//! keys for repositories.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::image::DOCKER_HUB;
use serde::Deserialize;

use crate::login::{Login, Secret};

/// What docker calls Docker Hub where it keeps credentials.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The parts of the configuration that are about credentials.
#[derive(Deserialize)]
pub(crate) struct DockerConfig {
    #[serde(default)]
    auths: HashMap<String, Auth>,
    #[serde(default, rename = "credHelpers")]
    helpers: HashMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Auth {
    #[serde(rename = "auth")]
    pair: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

/// What a configuration has for a repository.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Written down.
    Login(Login),
    /// This helper may know.
    Helper(String),
}

/// Why a configuration cannot be used. No value of it is repeated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("not valid JSON at line {line}, column {column}")]
    Json { line: usize, column: usize },
    #[error("the `auth` of {0} is not `user:password` in base64")]
    Auth(String),
    #[error("{0:?} is no name of a credential helper")]
    HelperName(String),
}

impl DockerConfig {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, ConfigError> {
        // serde's own message may quote a value, and a value may be a secret.
        serde_json::from_slice(text).map_err(|e| ConfigError::Json {
            line: e.line(),
            column: e.column(),
        })
    }

    /// What there is for this repository, best first: the registry's own
    /// helper, the store for all, then what is written down, the most
    /// specific key first.
    pub(crate) fn choices(
        &self,
        registry: &str,
        repository: &str,
    ) -> Result<Vec<Choice>, ConfigError> {
        let mut choices = Vec::new();
        let mut keys = vec![format!("{registry}/{repository}")];
        while let Some(at) = keys.last().and_then(|k| k.rfind('/')) {
            let shorter = keys.last().map(|k| k[..at].to_owned());
            keys.extend(shorter);
        }
        let own = keys
            .iter()
            .find_map(|key| self.helpers.iter().find(|(k, _)| normalised(k) == *key));
        let helper = own
            .map(|(_, helper)| helper)
            .or(Some(&self.store))
            .filter(|h| !h.is_empty());
        if let Some(name) = helper {
            // It becomes the name of a program.
            let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            if !name.bytes().all(fits) {
                return Err(ConfigError::HelperName(name.clone()));
            }
            choices.push(Choice::Helper(name.clone()));
        }
        for key in &keys {
            // Two spellings of one key are rare; the order must not be chance.
            let mut found: Vec<_> = self
                .auths
                .iter()
                .filter(|(k, _)| normalised(k) == *key)
                .collect();
            found.sort_by_key(|(k, _)| *k);
            for (key, auth) in found {
                if let Some(login) = auth.login(key)? {
                    choices.push(Choice::Login(login));
                }
            }
        }
        Ok(choices)
    }
}

impl Auth {
    fn login(&self, key: &str) -> Result<Option<Login>, ConfigError> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Login::Identity(Secret::new(&self.identitytoken))));
        }
        if !self.registrytoken.is_empty() {
            return Ok(Some(Login::Token(Secret::new(&self.registrytoken))));
        }
        if self.pair.is_empty() {
            return Ok((!self.username.is_empty()).then(|| Login::Password {
                user: self.username.clone(),
                password: Secret::new(&self.password),
            }));
        }
        let wrong = || ConfigError::Auth(key.to_owned());
        let bytes = STANDARD.decode(self.pair.trim()).map_err(|_| wrong())?;
        let text = String::from_utf8(bytes).map_err(|_| wrong())?;
        let (user, password) = text.split_once(':').ok_or_else(wrong)?;
        Ok(Some(Login::Password {
            user: user.to_owned(),
            // Old versions of docker padded it with NUL.
            password: Secret::new(password.trim_end_matches('\0')),
        }))
    }
}

/// What a registry is called by helpers.
pub(crate) fn server_key(registry: &str) -> &str {
    if registry == DOCKER_HUB {
        DOCKER_HUB_KEY
    } else {
        registry
    }
}

/// A key without scheme and API version, and Docker Hub by its one name.
fn normalised(key: &str) -> String {
    let key = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key)
        .trim_end_matches('/');
    let key = key
        .strip_suffix("/v1")
        .or_else(|| key.strip_suffix("/v2"))
        .unwrap_or(key);
    let (host, path) = key.split_at(key.find('/').unwrap_or(key.len()));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB.to_owned(),
        host => host.to_ascii_lowercase(),
    };
    format!("{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(user: &str, password: &str) -> Choice {
        Choice::Login(Login::Password {
            user: user.to_owned(),
            password: Secret::new(password),
        })
    }

    fn choices(config: &str, registry: &str, repository: &str) -> Vec<Choice> {
        DockerConfig::parse(config.as_bytes())
            .unwrap()
            .choices(registry, repository)
            .unwrap()
    }

    #[test]
    fn docker_hub_has_many_spellings() {
        for key in [
            "https://index.docker.io/v1/",
            "index.docker.io",
            "docker.io",
            "https://registry-1.docker.io/v2/",
        ] {
            // user:pass
            let config = format!(r#"{{"auths": {{"{key}": {{"auth": "dXNlcjpwYXNz"}}}}}}"#);
            assert_eq!(
                choices(&config, "docker.io", "library/nginx"),
                [password("user", "pass")],
                "{key}"
            );
            assert_eq!(choices(&config, "quay.io", "library/nginx"), []);
        }
    }

    #[test]
    fn the_most_specific_key_wins() {
        let config = r#"{"auths": {
            "r.io": {"username": "host", "password": "1"},
            "r.io/team": {"username": "team", "password": "2"},
            "r.io/team/app": {"username": "app", "password": "3"}}}"#;
        assert_eq!(choices(config, "r.io", "team/app")[0], password("app", "3"));
        assert_eq!(
            choices(config, "r.io", "team/other/x")[0],
            password("team", "2")
        );
        assert_eq!(choices(config, "r.io", "teams/x"), [password("host", "1")]);
    }

    #[test]
    fn helpers_come_first_and_the_registrys_own_before_the_store() {
        let config =
            r#"{"auths": {"r.io": {}}, "credsStore": "pass", "credHelpers": {"r.io": "gcloud"}}"#;
        assert_eq!(
            choices(config, "r.io", "a"),
            [Choice::Helper("gcloud".to_owned())]
        );
        assert_eq!(
            choices(config, "other.io", "a"),
            [Choice::Helper("pass".to_owned())]
        );
    }

    #[test]
    fn identity_and_registry_tokens() {
        let config = r#"{"auths": {"a.io": {"auth": "dTo=", "identitytoken": "i"}, "b.io": {"registrytoken": "t"}}}"#;
        assert_eq!(
            choices(config, "a.io", "x"),
            [Choice::Login(Login::Identity(Secret::new("i")))]
        );
        assert_eq!(
            choices(config, "b.io", "x"),
            [Choice::Login(Login::Token(Secret::new("t")))]
        );
    }

    #[test]
    fn what_is_wrong_is_told_without_values() {
        let error = DockerConfig::parse(br#"{"auths": {"r.io": {"auth": 12}}}"#).err();
        assert!(matches!(error, Some(ConfigError::Json { line: 1, .. })));
        let config = DockerConfig::parse(br#"{"auths": {"r.io": {"auth": "aHVudGVy"}}}"#).unwrap();
        let error = config.choices("r.io", "x").unwrap_err().to_string();
        assert!(
            !error.contains("aHVudGVy") && !error.contains("hunter"),
            "{error}"
        );
        let config = DockerConfig::parse(br#"{"credsStore": "../x"}"#).unwrap();
        assert!(config.choices("r.io", "x").is_err());
    }
}

//! Passwords, tokens, and where they come from.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use registry::error::Credential;
use registry::login::Secret;
use registry::{Credentials, RegistryError, Settings};
use serde_json::json;
use tempfile::TempDir;
use testkit::http::{Action, Reply, Server};
use testkit::realm::{Grants, Realm, Several};
use testkit::registry::{Kind, PASSWORD, Registry, USER};

use super::{credentials, password, resolve, resolve_all, settings};

#[test]
fn a_password_right_wrong_and_missing() {
    let registry = Registry::htpasswd().unwrap();
    let digest = registry.push("app", "v1", Kind::OciManifest, "x").unwrap();
    let text = format!("{}/app:v1", registry.host());
    let dir = TempDir::new().unwrap();
    let with = |entry| Settings {
        credentials: credentials(&dir, &registry.host(), &entry),
        ..settings()
    };

    let answer = resolve(with(password(USER, PASSWORD)), &text).unwrap();
    assert_eq!(answer.digest, digest);

    let error = resolve(with(password(USER, "wrong-horse")), &text).unwrap_err();
    assert!(
        matches!(
            &error,
            RegistryError::Unauthorized {
                credential: Credential::Sent,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!format!("{error} {error:?} {}", error.help()).contains("wrong-horse"));

    let error = resolve(settings(), &text).unwrap_err();
    assert!(
        matches!(
            &error,
            RegistryError::Unauthorized {
                credential: Credential::None,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.help().contains("docker login"), "{}", error.help());
}

#[test]
fn a_missing_file_is_no_credentials_and_a_broken_one_is_told() {
    let registry = Registry::htpasswd().unwrap();
    let text = format!("{}/app:v1", registry.host());
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config.json");
    let with = || Settings {
        credentials: Credentials::from_files([file.clone()]),
        ..settings()
    };
    assert_eq!(
        resolve(with(), &text).unwrap_err().code(),
        "registry-unauthorized"
    );
    std::fs::write(&file, "{\"auths\": {").unwrap();
    let error = resolve(with(), &text).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("config.json: not valid JSON at line 1"),
        "{error}"
    );
}

#[test]
fn a_helper_is_asked_once_and_not_found_is_anonymous() {
    let registry = Registry::htpasswd().unwrap();
    for tag in ["v1", "v2", "v3"] {
        registry.push("app", tag, Kind::OciManifest, tag).unwrap();
    }
    let host = registry.host();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config.json");
    std::fs::write(&file, json!({"credHelpers": {&host: "test"}}).to_string()).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let images = || ["v1", "v2", "v3"].map(|tag| format!("{host}/app:{tag}"));

    let counted = Arc::clone(&calls);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let settings_with = |helper| Settings {
        credentials: Credentials::from_files([file.clone()]).with_helper(helper),
        ..settings()
    };
    let answers = resolve_all(
        settings_with(Arc::new(move |name: &str, server: &str| {
            counted.fetch_add(1, Ordering::SeqCst);
            noted
                .lock()
                .unwrap()
                .push((name.to_owned(), server.to_owned()));
            Ok(Some((USER.to_owned(), Secret::new(PASSWORD))))
        })),
        images(),
    );
    assert!(answers.values().all(Result::is_ok), "{answers:?}");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(*asked.lock().unwrap(), [("test".to_owned(), host.clone())]);

    let answers = resolve_all(
        settings_with(Arc::new(|_: &str, _: &str| Ok(None))),
        images(),
    );
    for answer in answers.values() {
        assert!(
            matches!(
                answer,
                Err(RegistryError::Unauthorized {
                    credential: Credential::None,
                    ..
                })
            ),
            "{answer:?}"
        );
    }

    let failing = |_: &str, _: &str| Err("the vault is locked".to_owned());
    let answers = resolve_all(settings_with(Arc::new(failing)), images());
    for answer in answers.values() {
        let error = answer.as_ref().unwrap_err().to_string();
        assert!(
            error.contains("docker-credential-test") && error.contains("the vault is locked"),
            "{error}"
        );
    }
}

/// A registry with its realm and images `app0:v1` … under it, and settings
/// that name the pair.
fn with_tokens(grants: Grants, images: usize) -> (Realm, Registry, Vec<String>, Settings) {
    let realm = Realm::start(grants).unwrap();
    let registry = Registry::token(&realm).unwrap();
    let repositories: Vec<String> = (0..images).map(|n| format!("team/app{n}")).collect();
    let pushes: Vec<_> = repositories.iter().map(|r| (r.as_str(), "v1")).collect();
    registry.push_many(&pushes, Kind::OciManifest).unwrap();
    let host = registry.host();
    let images = repositories
        .iter()
        .map(|r| format!("{host}/{r}:v1"))
        .collect();
    let settings = Settings {
        realms: [(host, [realm.host()].into())].into(),
        ..settings()
    };
    (realm, registry, images, settings)
}

#[test]
fn a_token_for_a_password_for_an_identity_and_for_nobody() {
    let (realm, registry, images, settings) = with_tokens(Grants::default(), 1);
    let dir = TempDir::new().unwrap();
    let with = |entry| Settings {
        credentials: credentials(&dir, &registry.host(), &entry),
        ..settings.clone()
    };

    resolve(with(password("robot", "s3cret")), &images[0]).unwrap();
    let seen = realm.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].method, "GET");
    assert_eq!(seen[0].query("scope"), ["repository:team/app0:pull"]);

    realm.forget();
    resolve(with(json!({"identitytoken": "identity-1"})), &images[0]).unwrap();
    let seen = realm.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].method, "POST");
    assert_eq!(seen[0].form("refresh_token"), ["identity-1"]);
    assert_eq!(seen[0].header("authorization"), None);

    for (entry, credential) in [
        (password("robot", "wrong"), Credential::Sent),
        (json!({"identitytoken": "stale"}), Credential::Sent),
        (json!({}), Credential::None),
    ] {
        match resolve(with(entry), &images[0]).unwrap_err() {
            RegistryError::Unauthorized {
                credential: sent, ..
            } => assert_eq!(sent, credential),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_registry_token_is_sent_as_it_is() {
    let (realm, registry, images, settings) = with_tokens(Grants::default(), 1);
    let dir = TempDir::new().unwrap();
    let settings = Settings {
        credentials: credentials(
            &dir,
            &registry.host(),
            &json!({"registrytoken": "nonsense"}),
        ),
        ..settings
    };
    assert_eq!(
        resolve(settings, &images[0]).unwrap_err().code(),
        "registry-unauthorized"
    );
    assert_eq!(realm.seen().len(), 0);
}

#[test]
fn anonymous_tokens_for_public_images() {
    let grants = Grants {
        anonymous: true,
        ..Grants::default()
    };
    let (realm, _registry, images, settings) = with_tokens(grants, 1);
    resolve(settings, &images[0]).unwrap();
    assert_eq!(realm.seen()[0].header("authorization"), None);
}

#[test]
fn several_scopes_or_one_whatever_the_realm_grants() {
    for (several, tokens) in [
        (Several::All, 1),
        // One for all that is only good for the first, then one for each other.
        (Several::First, 1 + 4),
        (Several::Refused, 1 + 4),
    ] {
        let grants = Grants {
            several,
            ..Grants::default()
        };
        let (realm, registry, images, settings) = with_tokens(grants, 4);
        let dir = TempDir::new().unwrap();
        let settings = Settings {
            credentials: credentials(&dir, &registry.host(), &password("robot", "s3cret")),
            ..settings
        };
        let answers = resolve_all(settings, images);
        assert!(
            answers.values().all(Result::is_ok),
            "{several:?}: {answers:?}"
        );
        assert!(
            realm.seen().len() <= tokens,
            "{several:?}: {}",
            realm.seen().len()
        );
        assert_eq!(
            realm.seen()[0].query("scope").len(),
            4,
            "the first token is for all"
        );
    }
}

#[test]
fn p11_a_realm_elsewhere_gets_nothing() {
    let (realm, registry, images, named) = with_tokens(Grants::default(), 1);
    let dir = TempDir::new().unwrap();
    // Not named, and a private address: not even asked.
    let unnamed = Settings {
        realms: [].into(),
        credentials: credentials(&dir, &registry.host(), &password("robot", "s3cret")),
        ..named
    };
    let error = resolve(unnamed, &images[0]).unwrap_err();
    assert_eq!(error.code(), "registry-address-refused");
    assert!(error.to_string().contains(&realm.host()), "{error}");
    assert_eq!(realm.seen().len(), 0);
}

#[test]
fn p12_a_realm_that_redirects_is_not_followed() {
    let bait = Server::start(|_| Action::Answer(Reply::status(200))).unwrap();
    let to = format!("http://{}/latest/meta-data", bait.host());
    let realm =
        Server::start(move |_| Action::Answer(Reply::status(302).with("Location", &to))).unwrap();
    let challenge = format!("Bearer realm=\"http://{}/token\"", realm.host());
    let registry = Server::start(move |_| {
        Action::Answer(Reply::status(401).with("WWW-Authenticate", &challenge))
    })
    .unwrap();
    let settings = Settings {
        realms: [(registry.host(), [realm.host(), bait.host()].into())].into(),
        ..settings()
    };
    let error = resolve(settings, &format!("{}/app:v1", registry.host())).unwrap_err();
    assert_eq!(error.code(), "registry-address-refused");
    assert_eq!(realm.seen().len(), 1);
    assert_eq!(bait.seen().len(), 0);
}

#[test]
fn basic_is_chosen_where_bearer_is_not_offered() {
    let registry = Server::start(|request| {
        Action::Answer(match request.header("authorization") {
            Some("Basic cm9ib3Q6czNjcmV0") => Reply::status(404),
            _ => Reply::status(401)
                .with("WWW-Authenticate", "Negotiate")
                .with("WWW-Authenticate", "Digest realm=\"x, y\", Basic realm=z"),
        })
    })
    .unwrap();
    let dir = TempDir::new().unwrap();
    let settings = Settings {
        credentials: credentials(&dir, &registry.host(), &password("robot", "s3cret")),
        ..settings()
    };
    let error = resolve(settings, &format!("{}/app:v1", registry.host())).unwrap_err();
    assert_eq!(error.code(), "image-not-found");
}

/// Registries lock accounts after a few wrong passwords.
#[test]
fn a_wrong_password_is_sent_once() {
    let registry = Server::start(|_| {
        Action::Answer(Reply::status(401).with("WWW-Authenticate", "Basic realm=x"))
    })
    .unwrap();
    let host = registry.host();
    let dir = TempDir::new().unwrap();
    let with = Settings {
        credentials: credentials(&dir, &host, &password("robot", "wrong")),
        ..settings()
    };
    let answers = resolve_all(with, (0..20).map(|n| format!("{host}/app{n}:v1")));
    for answer in answers.values() {
        assert!(
            matches!(
                answer,
                Err(RegistryError::Unauthorized {
                    credential: Credential::Sent,
                    ..
                })
            ),
            "{answer:?}"
        );
    }
    let sent = registry.seen();
    let with_password = sent.iter().filter(|r| r.header("authorization").is_some());
    assert_eq!(with_password.count(), 1);

    let (realm, registry, images, settings) = with_tokens(Grants::default(), 4);
    let settings = Settings {
        credentials: credentials(&dir, &registry.host(), &password("robot", "wrong")),
        ..settings
    };
    let answers = resolve_all(settings, images);
    assert!(answers.values().all(Result::is_err));
    assert_eq!(realm.seen().len(), 1);
}

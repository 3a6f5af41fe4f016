//! Redirects, mirrors, proxies.

use registry::Settings;
use registry::settings::Proxy as Through;
use tempfile::TempDir;
use testkit::http::{Action, Reply, Server};
use testkit::proxy::{Fault, Proxy};
use testkit::registry::{Kind, PASSWORD, Registry, USER};

use super::{credentials, password, resolve, settings};

/// A registry that wants a password and sends everything elsewhere.
fn redirecting(to: String) -> Server {
    Server::start(move |request| {
        Action::Answer(if request.header("authorization").is_some() {
            Reply::status(307).with("Location", &format!("{to}{}", request.target))
        } else {
            Reply::status(401).with("WWW-Authenticate", "Basic realm=x")
        })
    })
    .unwrap()
}

#[test]
fn p13_no_credentials_after_a_redirect_to_another_host() {
    let registry = Registry::open().unwrap();
    let digest = registry.push("app", "v1", Kind::OciIndex, "x").unwrap();
    let elsewhere = Proxy::before(registry.address(), |_| Fault::None).unwrap();
    let front = redirecting(format!("http://{}", elsewhere.host()));
    let dir = TempDir::new().unwrap();
    let settings = Settings {
        credentials: credentials(&dir, &front.host(), &password(USER, PASSWORD)),
        plain_http: [elsewhere.host()].into(),
        ..settings()
    };
    let answer = resolve(settings, &format!("{}/app:v1", front.host())).unwrap();
    assert_eq!(answer.digest, digest);
    assert!(
        front
            .seen()
            .iter()
            .any(|r| r.header("authorization").is_some())
    );
    let seen = elsewhere.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("authorization"), None);
}

#[test]
fn credentials_stay_on_a_redirect_within_the_registry() {
    let server = Server::start(|request| {
        Action::Answer(match (request.path(), request.header("authorization")) {
            (_, None) => Reply::status(401).with("WWW-Authenticate", "Basic realm=x"),
            ("/elsewhere", Some(_)) => Reply::status(404),
            (_, Some(_)) => Reply::status(301).with("Location", "/elsewhere"),
        })
    })
    .unwrap();
    let dir = TempDir::new().unwrap();
    let settings = Settings {
        credentials: credentials(&dir, &server.host(), &password(USER, PASSWORD)),
        ..settings()
    };
    let error = resolve(settings, &format!("{}/app:v1", server.host())).unwrap_err();
    assert_eq!(error.code(), "image-not-found");
}

#[test]
fn a_redirect_to_a_private_address_is_refused() {
    let bait = Server::start(|_| Action::Answer(Reply::status(200))).unwrap();
    for to in [
        format!("http://{}", bait.host()),
        "http://169.254.169.254".to_owned(),
        "https://10.0.0.1".to_owned(),
        "http://example.com".to_owned(),
        "file://".to_owned(),
    ] {
        let front = redirecting(to.clone());
        let dir = TempDir::new().unwrap();
        let settings = Settings {
            credentials: credentials(&dir, &front.host(), &password(USER, PASSWORD)),
            ..settings()
        };
        let error = resolve(settings, &format!("{}/app:v1", front.host())).unwrap_err();
        assert_eq!(error.code(), "registry-address-refused", "{to}: {error}");
    }
    assert_eq!(bait.seen().len(), 0);
}

#[test]
fn redirects_come_to_an_end() {
    let server = Server::start(|_| {
        Action::Answer(Reply::status(302).with("Location", "/v2/app/manifests/v1"))
    })
    .unwrap();
    let error = resolve(settings(), &format!("{}/app:v1", server.host())).unwrap_err();
    assert!(
        error.to_string().contains("one redirect too many"),
        "{error}"
    );
    assert_eq!(server.seen().len(), 6);
}

#[test]
fn a_mirror_is_asked_first_and_the_registry_when_it_has_nothing() {
    let registry = Registry::open().unwrap();
    let mirror = Registry::open().unwrap();
    let both = registry.push("app", "both", Kind::OciIndex, "x").unwrap();
    assert_eq!(
        mirror.push("hub/app", "both", Kind::OciIndex, "x").unwrap(),
        both
    );
    let own = registry.push("app", "own", Kind::OciIndex, "y").unwrap();
    let front = Proxy::before(registry.address(), |_| Fault::None).unwrap();
    let with = Settings {
        mirrors: [(
            front.host(),
            vec![format!("{}/hub", mirror.host()).parse().unwrap()],
        )]
        .into(),
        ..settings()
    };
    let answer = resolve(with.clone(), &format!("{}/app:both", front.host())).unwrap();
    assert_eq!(answer.digest, both);
    assert_eq!(front.seen().len(), 0);
    let answer = resolve(with.clone(), &format!("{}/app:own", front.host())).unwrap();
    assert_eq!(answer.digest, own);

    // A mirror that is down is no reason to fail.
    drop(mirror);
    let answer = resolve(with, &format!("{}/app:both", front.host())).unwrap();
    assert_eq!(answer.digest, both);
}

#[test]
fn https_goes_through_the_proxy_and_loopback_does_not() {
    let proxy = Server::start(|_| Action::Answer(Reply::status(403))).unwrap();
    let registry = Registry::open().unwrap();
    registry.push("app", "v1", Kind::OciIndex, "x").unwrap();
    let with = Settings {
        proxy: Through {
            https: Some(format!("http://{}", proxy.host())),
            http: Some(format!("http://{}", proxy.host())),
            except: Some("direct.invalid".to_owned()),
        },
        ..settings()
    };
    resolve(with.clone(), &format!("{}/app:v1", registry.host())).unwrap();

    // The proxy refuses to connect; it does not know the host either.
    let error = resolve(with.clone(), "proxied.invalid/app:v1").unwrap_err();
    assert_eq!(error.code(), "registry-network");
    assert!(error.to_string().contains("proxied.invalid"), "{error}");
    assert!(
        error.to_string().contains("unsuccessful"),
        "the proxy is not asked: {error}"
    );
    let error = resolve(with, "direct.invalid/app:v1").unwrap_err();
    assert!(!error.to_string().contains("unsuccessful"), "{error}");
}

#[test]
fn a_proxy_that_is_none_is_told_without_its_password() {
    let settings = Settings {
        proxy: Through {
            https: Some("http://me:hunter2@[".to_owned()),
            ..Through::default()
        },
        ..settings()
    };
    let error = registry::Resolver::new(settings).err().unwrap();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

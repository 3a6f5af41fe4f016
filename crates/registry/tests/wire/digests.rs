//! Which digest a tag gets.

use model::digest::Digest;
use testkit::http::{Action, Reply, Request, Server};
use testkit::proxy::{Fault, Proxy};
use testkit::registry::{Kind, Registry};

use super::{count, resolve, resolve_all, settings};

#[test]
fn g23_each_kind_keeps_its_own_digest() {
    let registry = Registry::open().unwrap();
    let mut wanted = Vec::new();
    for (n, kind) in Kind::ALL.into_iter().enumerate() {
        let digest = registry
            .push("team/app", &format!("v{n}"), kind, "x")
            .unwrap();
        wanted.push((format!("{}/team/app:v{n}", registry.host()), digest, kind));
    }
    let answers = resolve_all(settings(), wanted.iter().map(|(image, ..)| image.clone()));
    assert_eq!(answers.len(), wanted.len());
    for (text, digest, kind) in wanted {
        let answer = answers[&super::image(&text)].as_ref().unwrap();
        assert_eq!(answer.digest, digest, "{text}");
        assert_eq!(answer.media_type.unwrap().as_str(), kind.media_type());
    }
}

#[test]
fn no_tag_is_latest() {
    let registry = Registry::open().unwrap();
    let digest = registry.push("app", "latest", Kind::OciIndex, "x").unwrap();
    let answer = resolve(settings(), &format!("{}/app", registry.host())).unwrap();
    assert_eq!(answer.digest, digest);
}

#[test]
fn a_digest_needs_no_request() {
    // Nobody listens there, and nobody is asked.
    let text = format!("127.0.0.1:1/app:v1@{}", Digest::of(b"x"));
    let answer = resolve(settings(), &text).unwrap();
    assert_eq!(answer.digest, Digest::of(b"x"));
    assert_eq!(answer.media_type, None);
}

#[test]
fn what_means_the_same_is_asked_once() {
    let registry = Registry::open().unwrap();
    let digest = registry.push("app", "latest", Kind::OciIndex, "x").unwrap();
    let proxy = Proxy::before(registry.address(), |_| Fault::None).unwrap();
    let host = proxy.host();
    let answers = resolve_all(
        settings(),
        [format!("{host}/app"), format!("{host}/app:latest")],
    );
    assert_eq!(answers.len(), 2);
    assert!(
        answers
            .values()
            .all(|a| a.as_ref().unwrap().digest == digest)
    );
    assert_eq!(proxy.seen().len(), 1);
}

/// One request each, and whatever the tag names later is of no concern: the
/// digest is the one that was answered.
#[test]
fn g24_a_tag_that_moves() {
    let registry = Registry::open().unwrap();
    let before = registry
        .push("app", "v1", Kind::DockerManifest, "before")
        .unwrap();
    let proxy = Proxy::before(registry.address(), |_| Fault::None).unwrap();
    let text = format!("{}/app:v1", proxy.host());
    let first = resolve(settings(), &text).unwrap();
    let after = registry
        .push("app", "v1", Kind::DockerManifest, "after")
        .unwrap();
    assert_ne!(before, after);
    assert_eq!(first.digest, before);
    assert_eq!(proxy.seen().len(), 1);
    assert_eq!(resolve(settings(), &text).unwrap().digest, after);
    // The old one is still there under its digest.
    let old = Request::new("HEAD", &format!("/v2/app/manifests/{before}"))
        .with("Accept", Kind::DockerManifest.media_type())
        .send(registry.address())
        .unwrap();
    assert_eq!(old.status, 200);
}

#[test]
fn each_missing_header_makes_the_body_be_hashed() {
    let registry = Registry::open().unwrap();
    let digest = registry.push("app", "v1", Kind::DockerList, "x").unwrap();
    for header in ["Docker-Content-Digest", "Content-Type", "Content-Length"] {
        let proxy = Proxy::before(registry.address(), move |request| {
            if request.method == "HEAD" || header == "Content-Type" {
                Fault::Without(header)
            } else {
                Fault::None
            }
        })
        .unwrap();
        let answer = resolve(settings(), &format!("{}/app:v1", proxy.host())).unwrap();
        assert_eq!(answer.digest, digest, "without {header}");
        assert_eq!(
            answer.media_type.unwrap().as_str(),
            Kind::DockerList.media_type()
        );
        assert_eq!(count(&proxy.seen(), "HEAD"), 1);
        assert_eq!(count(&proxy.seen(), "GET"), 1);
    }
}

#[test]
fn a_registry_without_the_header_is_not_asked_twice_for_long() {
    let registry = Registry::open().unwrap();
    let tags: Vec<String> = (0..6).map(|n| format!("v{n}")).collect();
    for tag in &tags {
        registry.push("app", tag, Kind::OciManifest, tag).unwrap();
    }
    let proxy = Proxy::before(registry.address(), |_| {
        Fault::Without("Docker-Content-Digest")
    })
    .unwrap();
    let mut settings = settings();
    settings.limits.requests_per_host = 1;
    let host = proxy.host();
    let answers = resolve_all(settings, tags.iter().map(|tag| format!("{host}/app:{tag}")));
    assert!(answers.values().all(Result::is_ok));
    assert_eq!(count(&proxy.seen(), "GET"), tags.len());
    assert!(count(&proxy.seen(), "HEAD") <= 2, "{:?}", proxy.seen());
}

#[test]
fn a_get_is_hashed_whatever_its_header_says() {
    let body = r#"{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}"#;
    let server = Server::start(move |request| {
        Action::Answer(if request.method == "HEAD" {
            Reply::status(405)
        } else {
            Reply::status(200)
                .with("Content-Type", "application/json")
                .with("Docker-Content-Digest", &Digest::of(b"other").to_string())
                .body(body)
        })
    })
    .unwrap();
    let answer = resolve(settings(), &format!("{}/app:v1", server.host())).unwrap();
    assert_eq!(answer.digest, Digest::of(body.as_bytes()));
    assert_eq!(
        answer.media_type.unwrap().as_str(),
        Kind::OciIndex.media_type()
    );
}

#[test]
fn schema_1_and_pages_are_refused() {
    for (kind, body, says) in [
        (
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "{}",
            "schema 1",
        ),
        (
            "application/json",
            r#"{"schemaVersion": 1, "fsLayers": []}"#,
            "schema 1",
        ),
        (
            "text/html; charset=utf-8",
            "<html>Log in</html>",
            "text/html",
        ),
        (
            "application/vnd.oci.artifact.manifest.v1+json",
            "{}",
            "artifact",
        ),
    ] {
        let server = Server::start(move |_| {
            Action::Answer(Reply::status(200).with("Content-Type", kind).body(body))
        })
        .unwrap();
        let error = resolve(settings(), &format!("{}/app:v1", server.host())).unwrap_err();
        assert_eq!(error.code(), "registry-bad-answer");
        assert!(error.to_string().contains(says), "{error}");
    }
}

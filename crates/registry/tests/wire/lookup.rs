//! Whether what is named by digest is still there.

use std::collections::BTreeSet;

use model::digest::Digest;
use registry::{Answers, RegistryError, Resolver, Settings};
use testkit::proxy::{Fault, Proxy};
use testkit::registry::{Kind, Registry};

use super::{count, image, settings};

fn look_up(settings: Settings, images: impl IntoIterator<Item = String>) -> Answers {
    let images: BTreeSet<_> = images.into_iter().map(|text| image(&text)).collect();
    Resolver::new(settings).unwrap().look_up_blocking(&images)
}

#[test]
fn each_kind_is_found_by_its_digest_with_one_request() {
    let registry = Registry::open().unwrap();
    let proxy = Proxy::before(registry.address(), |_| Fault::None).unwrap();
    let mut texts = Vec::new();
    for (n, kind) in Kind::ALL.into_iter().enumerate() {
        let digest = registry
            .push("team/app", &format!("v{n}"), kind, "x")
            .unwrap();
        // The tag is of no concern: it is not looked at.
        texts.push(format!("{}/team/app:other@{digest}", proxy.host()));
    }
    let answers = look_up(settings(), texts.clone());
    assert_eq!(answers.len(), Kind::ALL.len());
    for text in texts {
        let image = image(&text);
        assert_eq!(
            Some(answers[&image].as_ref().unwrap().digest),
            image.digest()
        );
    }
    let seen = proxy.seen();
    assert_eq!(count(&seen, "HEAD"), Kind::ALL.len());
    assert_eq!(count(&seen, "GET"), 0);
}

#[test]
fn d6_what_a_registry_does_not_have_is_said_to_be_gone() {
    let registry = Registry::open().unwrap();
    registry.push("app", "v1", Kind::OciIndex, "x").unwrap();
    let digest = Digest::of(b"never pushed");
    let gone = format!("{}/app:v1@{digest}", registry.host());
    let answers = look_up(settings(), [gone.clone()]);
    let error = answers[&image(&gone)].as_ref().unwrap_err();
    assert!(matches!(error, RegistryError::NotFound { .. }));
    assert_eq!(
        error.to_string(),
        format!("{} has no app@{digest}", registry.host())
    );
}

#[test]
fn d6_what_cannot_be_asked_is_not_said_to_be_gone() {
    let closed = format!("127.0.0.1:1/app@{}", Digest::of(b"x"));
    let locked = Registry::htpasswd().unwrap();
    let denied = format!("{}/app@{}", locked.host(), Digest::of(b"x"));
    let answers = look_up(settings(), [closed.clone(), denied.clone()]);
    assert!(matches!(
        answers[&image(&closed)],
        Err(RegistryError::Network { .. })
    ));
    assert!(matches!(
        answers[&image(&denied)],
        Err(RegistryError::Unauthorized { .. })
    ));
}

#[test]
fn what_has_no_digest_is_not_asked_for() {
    assert!(look_up(settings(), ["127.0.0.1:1/app:v1".to_owned()]).is_empty());
}

#[test]
fn a_mirror_that_has_it_is_enough_and_one_that_lacks_it_is_not() {
    let mirror = Registry::open().unwrap();
    let registry = Registry::open().unwrap();
    let here = mirror.push("app", "v1", Kind::OciIndex, "mirror").unwrap();
    let there = registry.push("app", "v1", Kind::OciIndex, "home").unwrap();
    let settings = Settings {
        mirrors: [(registry.host(), vec![mirror.host().parse().unwrap()])].into(),
        ..settings()
    };
    let texts = [here, there].map(|digest| format!("{}/app@{digest}", registry.host()));
    let answers = look_up(settings, texts.clone());
    for text in texts {
        assert!(answers[&image(&text)].is_ok(), "{text}");
    }
}

//! Certificates.

use model::finding::Class;
use registry::{Resolver, Settings};
use testkit::registry::{Kind, Registry};

use super::{resolve, settings};

#[test]
fn an_authority_of_our_own_given_and_not_given() {
    let registry = Registry::tls().unwrap();
    let digest = registry.push("app", "v1", Kind::OciIndex, "x").unwrap();
    let text = format!("{}/app:v1", registry.host());
    let with = Settings {
        authorities: registry.authority().map(ToOwned::to_owned),
        ..settings()
    };
    assert_eq!(resolve(with, &text).unwrap().digest, digest);

    let error = resolve(settings(), &text).unwrap_err();
    assert_eq!(error.code(), "registry-tls");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(error.help().contains("SSL_CERT_FILE"), "{}", error.help());
}

#[test]
fn a_certificate_for_another_name() {
    let registry = Registry::tls().unwrap();
    let with = Settings {
        authorities: registry.authority().map(ToOwned::to_owned),
        ..settings()
    };
    // The certificate is for 127.0.0.1.
    let text = format!("localhost:{}/app:v1", registry.address().port());
    let error = resolve(with, &text).unwrap_err();
    assert_eq!(error.code(), "registry-tls", "{error}");
    assert!(error.to_string().contains("not valid for name"), "{error}");
}

#[test]
fn plain_http_is_not_spoken_to_hosts_that_are_not_named() {
    let registry = Registry::open().unwrap();
    registry.push("app", "v1", Kind::OciIndex, "x").unwrap();
    // A name of this machine that is not loopback by itself.
    let text = format!("{}:{}/app:v1", "0.0.0.0", registry.address().port());
    let error = resolve(settings(), &text).unwrap_err();
    assert_eq!(error.code(), "registry-plain-http");
    assert_eq!(error.class(), Class::Policy);
    assert!(error.help().contains("consign.yaml"), "{}", error.help());

    let named = Settings {
        plain_http: [format!("0.0.0.0:{}", registry.address().port())].into(),
        ..settings()
    };
    resolve(named, &text).unwrap();
}

#[test]
fn authorities_that_cannot_be_read_are_told_before_anything_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    for path in [empty, dir.path().join("missing.pem")] {
        let settings = Settings {
            authorities: Some(path.clone()),
            ..settings()
        };
        let finding = Resolver::new(settings).err().unwrap().finding();
        assert_eq!(finding.class, Class::Usage);
        assert!(
            finding.message.contains(&path.display().to_string()),
            "{finding}"
        );
    }
}

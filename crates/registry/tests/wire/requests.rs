//! How many requests it takes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use registry::{Resolver, Settings};
use tempfile::TempDir;
use testkit::http::Request;
use testkit::proxy::{Fault, Proxy};
use testkit::realm::{Grants, Realm};
use testkit::registry::{Kind, Registry};

use super::{count, credentials, image, password, settings};

const REPOSITORIES: usize = 50;
const LATENCY: Duration = Duration::from_millis(30);

/// Two tags in each of 50 repositories.
fn fill(registry: &Registry) {
    let names: Vec<_> = (0..REPOSITORIES).map(|n| format!("team/app-{n}")).collect();
    let pushes: Vec<_> = names
        .iter()
        .flat_map(|name| [(name.as_str(), "v1"), (name.as_str(), "v2")])
        .collect();
    registry.push_many(&pushes, Kind::OciManifest).unwrap();
}

fn slow(_: &Request) -> Fault {
    Fault::Delay(LATENCY)
}

/// Resolves all 100 through the proxy; says how long it took, for people.
fn resolve_hundred(host: &str, settings: Settings) -> u64 {
    let images: BTreeSet<_> = (0..REPOSITORIES)
        .flat_map(|n| ["v1", "v2"].map(|tag| image(&format!("{host}/team/app-{n}:{tag}"))))
        .collect();
    assert_eq!(images.len(), 100);
    let resolver = Resolver::new(settings).unwrap();
    let started = Instant::now();
    let answers = resolver.resolve_blocking(&images);
    println!(
        "100 images: {:?}, {} requests",
        started.elapsed(),
        resolver.requests()
    );
    for (image, answer) in answers {
        answer.unwrap_or_else(|e| panic!("{image}: {e}"));
    }
    resolver.requests()
}

#[test]
fn a_hundred_images_of_an_open_registry() {
    let registry = Registry::open().unwrap();
    fill(&registry);
    let proxy = Proxy::before(registry.address(), slow).unwrap();
    assert_eq!(resolve_hundred(&proxy.host(), settings()), 100);
    let seen = proxy.seen();
    assert_eq!(seen.len(), 100);
    assert_eq!(count(&seen, "HEAD"), 100);
    assert!(
        seen.iter().all(|r| r.path() != "/v2/"),
        "the API root is asked"
    );
}

#[test]
fn a_hundred_images_of_a_registry_with_tokens() {
    let realm = Realm::start(Grants::default()).unwrap();
    let registry = Registry::token(&realm).unwrap();
    fill(&registry);
    let proxy = Proxy::before(registry.address(), slow).unwrap();
    let dir = TempDir::new().unwrap();
    let settings = Settings {
        realms: [(proxy.host(), [realm.host()].into())].into(),
        credentials: credentials(&dir, &proxy.host(), &password("robot", "s3cret")),
        ..settings()
    };
    let sent = resolve_hundred(&proxy.host(), settings);
    let (asked, tokens) = (proxy.seen().len(), realm.seen().len());
    assert_eq!(sent, (asked + tokens) as u64);
    // One that tells what is wanted, one token for ten repositories, and each
    // image once.
    assert_eq!((asked, tokens), (101, 5));
}

//! The resolver against real registries, straight and through a proxy that
//! does to it what networks do.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what helps the tests is part of them, outside of any test function"
)]

mod authentication;
mod digests;
mod faults;
mod hosts;
mod lookup;
mod requests;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::image::ImageRef;
use registry::settings::Limits;
use registry::{Credentials, RegistryError, Resolved, Resolver, Settings};
use testkit::http::Request;

/// Short waits: what is tested is that we wait and stop, not for how long.
fn settings() -> Settings {
    Settings {
        limits: Limits {
            backoff: Duration::from_millis(5),
            ..Limits::default()
        },
        ..Settings::default()
    }
}

/// Docker's configuration with credentials for one registry, in a file.
fn credentials(dir: &tempfile::TempDir, registry: &str, entry: &serde_json::Value) -> Credentials {
    let file = dir.path().join("config.json");
    let config = serde_json::json!({"auths": {registry: entry}});
    std::fs::write(&file, config.to_string()).unwrap();
    Credentials::from_files([file])
}

fn password(user: &str, password: &str) -> serde_json::Value {
    serde_json::json!({"username": user, "password": password})
}

type Answers = BTreeMap<ImageRef, Result<Resolved, RegistryError>>;

fn image(text: &str) -> ImageRef {
    text.parse().unwrap()
}

fn resolve_all(settings: Settings, images: impl IntoIterator<Item = String>) -> Answers {
    let images: BTreeSet<ImageRef> = images.into_iter().map(|text| image(&text)).collect();
    Resolver::new(settings).unwrap().resolve_blocking(&images)
}

fn resolve(settings: Settings, text: &str) -> Result<Resolved, RegistryError> {
    resolve_all(settings, [text.to_owned()])
        .remove(&image(text))
        .unwrap()
}

fn count(seen: &[Request], method: &str) -> usize {
    seen.iter().filter(|r| r.method == method).count()
}

//! Tags to digests, by the registries that the settings and the environment
//! lead to.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::finding::{Class, Finding};
use model::image::ImageRef;
use package::images::{ImageLock, Locked};
use registry::Resolver;
use registry::login::Secret;

use crate::environment::Environment;
use crate::settings::Settings;

/// Adds a digest for each of these images to the lock; every failure at once.
pub fn add(
    lock: &mut ImageLock,
    images: &BTreeSet<ImageRef>,
    settings: &Settings,
    environment: &Environment,
    deadline: Duration,
) -> Result<(), Vec<Finding>> {
    if images.is_empty() {
        return Ok(());
    }
    let settings = registry_settings(settings, environment, deadline)?;
    let resolver = Resolver::new(settings).map_err(|e| vec![e.finding()])?;
    let answers = resolver.resolve_blocking(images);
    let findings = registry::findings("Image digest not resolved: cannot resolve", &answers);
    for (image, answer) in answers {
        if let Ok(resolved) = answer {
            lock.insert(
                &image,
                Locked {
                    digest: resolved.digest,
                    media_type: resolved
                        .media_type
                        .map(|m| m.to_string())
                        .unwrap_or_default(),
                },
            );
        }
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings)
    }
}

/// How the registries are spoken to.
pub fn registry_settings(
    settings: &Settings,
    environment: &Environment,
    deadline: Duration,
) -> Result<registry::Settings, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut mirrors = std::collections::BTreeMap::new();
    for (registry, addresses) in &settings.mirrors {
        let mut parsed = Vec::new();
        for address in addresses {
            match address.parse() {
                Ok(mirror) => parsed.push(mirror),
                Err(e) => findings.push(
                    Finding::error(
                        "setting-invalid",
                        Class::Usage,
                        format!("setting registries.mirrors.{registry}: {e}"),
                    )
                    .in_file(crate::settings::FILE),
                ),
            }
        }
        mirrors.insert(registry.clone(), parsed);
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let mut realms = std::collections::BTreeMap::new();
    for (registry, hosts) in &settings.token_realms {
        realms.insert(registry.clone(), hosts.iter().cloned().collect());
    }
    Ok(registry::Settings {
        mirrors,
        plain_http: settings.plain_http.iter().cloned().collect(),
        realms,
        proxy: registry::settings::Proxy {
            https: environment.https_proxy.clone(),
            http: environment.http_proxy.clone(),
            except: environment.no_proxy.clone(),
        },
        authorities: environment.ssl_cert_file.clone(),
        credentials: credentials(environment),
        limits: registry::settings::Limits {
            deadline,
            ..registry::settings::Limits::default()
        },
        ..registry::Settings::default()
    })
}

fn credentials(environment: &Environment) -> registry::Credentials {
    let docker = environment
        .docker_config
        .clone()
        .or_else(|| environment.home.as_ref().map(|home| home.join(".docker")))
        .map(|directory| directory.join("config.json"));
    let files: Vec<PathBuf> = environment
        .registry_auth_file
        .clone()
        .or(docker)
        .into_iter()
        .collect();
    let environment = environment.clone();
    registry::Credentials::from_files(files).with_helper(Arc::new(move |name, server| {
        let answer =
            programs::credential_helper::get(&environment.path, &environment.user, name, server)
                .map_err(|e| e.to_string())?;
        Ok(answer.map(|found| (found.user, Secret::new(found.secret))))
    }))
}

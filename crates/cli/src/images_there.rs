//! Whether the registries still have a package's images.

use std::collections::BTreeSet;
use std::time::Duration;

use model::finding::{Class, Finding, Severity};
use model::image::ImageRef;
use registry::{RegistryError, Resolver};

use crate::environment::Environment;
use crate::resolve;
use crate::settings::Settings;

/// How often a registry is asked that gives no answer: it may well be out of
/// reach from here, and everybody is waiting.
const ATTEMPTS: u32 = 2;

/// Asks for all of them at once, for no longer than `deadline`.
///
/// An image that its registry says does not exist is an error of class
/// [`Cluster`](Class::Cluster): no node could pull it. What the registry does
/// not tell from here is a warning: nodes may reach more than this machine
/// does, and have credentials of their own.
///
/// Must not be called from within a runtime.
pub fn check(
    images: &BTreeSet<ImageRef>,
    settings: &Settings,
    environment: &Environment,
    deadline: Duration,
) -> Vec<Finding> {
    if images.is_empty() {
        return Vec::new();
    }
    let resolver = match resolve::registry_settings(settings, environment, deadline) {
        Ok(mut settings) => {
            settings.limits.attempts = ATTEMPTS;
            Resolver::new(settings).map_err(|e| vec![e.finding()])
        }
        Err(findings) => Err(findings),
    };
    let answers = match resolver {
        Ok(resolver) => resolver.look_up_blocking(images),
        Err(findings) => return findings,
    };
    let (gone, untold) = answers
        .into_iter()
        .partition(|(_, answer)| matches!(answer, Err(RegistryError::NotFound { .. })));
    let mut findings = registry::findings("Image does not exist:", &gone);
    for finding in &mut findings {
        finding.code = "image-gone";
        finding.class = Class::Cluster;
        finding.help = Some(
            "Push it again, or deploy another version; if nodes have it from elsewhere: --skip-check images"
                .to_owned(),
        );
    }
    let checked = findings.len();
    findings.extend(registry::findings("Image not checked:", &untold));
    for finding in &mut findings[checked..] {
        finding.severity = Severity::Warning;
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::digest::Digest;
    use testkit::registry::{Kind, Registry};

    #[test]
    fn d6_b3_gone_is_an_error_and_out_of_reach_a_warning() {
        let registry = Registry::open().unwrap();
        let digest = registry.push("app", "v1", Kind::OciIndex, "x").unwrap();
        let host = registry.host();
        let other = Digest::of(b"never pushed");
        let image = |text: String| text.parse::<ImageRef>().unwrap();
        let images = BTreeSet::from([
            image(format!("{host}/app:v1@{digest}")),
            image(format!("{host}/app:v1@{other}")),
            image(format!("127.0.0.1:1/app:v1@{other}")),
        ]);
        let findings = check(
            &images,
            &Settings::default(),
            &Environment::default(),
            Duration::from_secs(20),
        );
        let [gone, untold] = &findings[..] else {
            panic!("{findings:#?}")
        };
        assert!(gone.is_error());
        assert_eq!((gone.code, gone.class), ("image-gone", Class::Cluster));
        assert_eq!(
            gone.message,
            format!("Image does not exist: {host}/app:v1@{other}: {host} has no app@{other}")
        );
        assert_eq!(untold.severity, Severity::Warning);
        assert!(
            untold
                .message
                .starts_with("Image not checked: 127.0.0.1:1/app:v1@")
        );
    }
}

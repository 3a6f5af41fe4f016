//! An API server that is busy, broken for one object, or gone, and webhooks
//! that do not answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use testkit::api_proxy::{ApiFault, Seen, among};

use super::scene::{LeaseIs, Scene, V1, V2};
use crate::gate;
use crate::stage::{Stage, settings};

/// How often one write may be sent.
const ATTEMPTS: usize = 6;

/// How long a server is away: longer than one request is tried.
const AWAY: Duration = Duration::from_secs(8);

/// An answer that says when to come again.
pub fn later(code: u16) -> ApiFault {
    match ApiFault::status(code, "TooManyRequests", "try again later") {
        ApiFault::Answer(code, mut headers, body) => {
            headers.push(("Retry-After".to_owned(), "1".to_owned()));
            ApiFault::Answer(code, headers, body)
        }
        other => other,
    }
}

/// An answer that does not.
pub fn broken(code: u16) -> ApiFault {
    ApiFault::status(code, "InternalError", "something is wrong")
}

/// A client whose first version serves.
fn deployed(name: &str) -> Scene {
    let scene = Scene::new(name, 1);
    scene.well(&scene.deploy(V1)).exits(0);
    scene
}

#[test]
fn d11_what_is_refused_for_now_is_asked_again() {
    let scene = deployed("d11-busy");
    for (codes, answer) in [
        ([429, 503], later as fn(u16) -> ApiFault),
        ([500, 503], broken),
    ] {
        for (version, code) in [V2, V1].into_iter().zip(codes) {
            let every_other = move |n| {
                if n % 2 == 0 {
                    answer(code)
                } else {
                    ApiFault::None
                }
            };
            scene.proxy.inject(among(Seen::is_write, every_other));
            scene.stage.run(scene.deploy(version)).exits(0);
            scene.is_good(
                version,
                LeaseIs::Free,
                &format!("with {code} at every other write"),
            );
        }
    }
}

#[test]
fn d11_what_is_refused_for_good_is_rolled_back() {
    let scene = deployed("d11-object");
    let is_web = gate::object("/deployments/web");
    scene.proxy.forget();
    scene.proxy.inject(move |seen, _| {
        if is_web(seen) {
            broken(503)
        } else {
            ApiFault::None
        }
    });
    let ran = scene.stage.run(scene.deploy(V2)).exits(10);
    assert!(ran.stderr.contains("Deployment"), "{}", ran.stderr);
    assert!(ran.stderr.contains("something is wrong"), "{}", ran.stderr);
    let tries = scene
        .proxy
        .writes()
        .into_iter()
        .filter(gate::object("/deployments/web"));
    assert_eq!(tries.count(), ATTEMPTS);
    scene.is_good(V1, LeaseIs::Free, "with no Deployment that can be written");
    let outcomes = scene.outcomes();
    assert!(
        outcomes.iter().any(|o| o.1 == V2 && o.2 == "rolled-back"),
        "{outcomes:?}"
    );
    scene.well(&scene.deploy(V2)).exits(0);
    scene.is_good(V2, LeaseIs::Free, "afterwards");
}

#[test]
fn d11_a_server_that_is_gone_for_good_is_told_and_the_next_run_goes_on() {
    let scene = deployed("d11-gone");
    let gone = Arc::new(AtomicBool::new(false));
    let is_web = gate::object("/deployments/web");
    scene.proxy.inject(move |seen, _| {
        if is_web(seen) {
            gone.store(true, Ordering::SeqCst);
        }
        if gone.load(Ordering::SeqCst) {
            ApiFault::DropBefore
        } else {
            ApiFault::None
        }
    });
    let ran = scene.stage.run(scene.deploy(V2)).exits(11);
    assert!(
        ran.stderr.contains("no earlier version was put back"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("Putting v1.0.0 back failed too"),
        "{}",
        ran.stderr
    );
    scene.well(&scene.rollback(&[])).exits(0);
    scene.is_good(V1, LeaseIs::Free, "when it is back");
}

#[test]
fn d11_a_server_that_is_away_while_it_is_waited_is_sat_out() {
    let scene = deployed("d11-away");
    let (wrote, since) = (AtomicBool::new(false), Mutex::new(None::<Instant>));
    let is_web = gate::object("/deployments/web");
    scene.proxy.inject(move |seen, _| {
        let mut since = since.lock().expect("no thread panics here");
        if is_web(seen) {
            wrote.store(true, Ordering::SeqCst);
        } else if wrote.load(Ordering::SeqCst) && seen.path.ends_with("/pods") && since.is_none() {
            *since = Some(Instant::now());
        }
        if since.is_some_and(|since| since.elapsed() < AWAY) {
            ApiFault::DropBefore
        } else {
            ApiFault::None
        }
    });
    scene.stage.run(scene.deploy(V2)).exits(0);
    let dropped = scene
        .proxy
        .seen()
        .iter()
        .filter(|s| s.status.is_none())
        .count();
    // More often than one request is sent.
    assert!(dropped > ATTEMPTS, "{dropped}");
    scene.is_good(V2, LeaseIs::Free, "with a server that was away");
}

#[test]
fn d11_what_a_first_deploy_made_without_hearing_of_it_is_removed() {
    let scene = Scene::new("d11-unheard", 0);
    let is_service =
        |seen: &Seen| seen.path.ends_with("/services/web") && seen.parameter("dryRun").is_none();
    // It is made, and nobody hears of it until the run has given it up.
    scene.proxy.inject(among(is_service, |n| match n {
        0 => ApiFault::DropAfter,
        1..=6 => ApiFault::DropBefore,
        _ => ApiFault::None,
    }));
    scene
        .stage
        .run(scene.deploy(V1))
        .exits(10)
        .says("nothing to roll back to");
    let left = scene.applied();
    assert!(left.is_empty(), "{left:?}");
    scene.well(&scene.deploy(V1)).exits(0);
    scene.is_good(V1, LeaseIs::Free, "afterwards");
}

#[test]
fn d11_what_was_made_unheard_and_is_not_as_it_was_sent_is_removed() {
    let mut stage = Stage::new("d11-mutated");
    let text = settings(V1) + "  more: kept\n";
    stage.sources(&[("settings.yaml", &text)]).package(V1);
    let (cluster, namespace) = (stage.cluster, stage.namespace.clone());
    let (lost, changed) = (AtomicBool::new(false), AtomicBool::new(false));
    let _proxy = stage.through_proxy(move |seen, _| {
        if !seen.path.ends_with("/configmaps/settings") || seen.parameter("dryRun").is_some() {
            return ApiFault::None;
        }
        if seen.is_write() && !lost.swap(true, Ordering::SeqCst) {
            return ApiFault::DropAfter;
        }
        if lost.load(Ordering::SeqCst) && !changed.swap(true, Ordering::SeqCst) {
            let patch = r#"{"data": {"text": "another"}}"#;
            let patched =
                cluster.kubectl(["patch", "configmap/settings", "-n", &namespace, "-p", patch]);
            drop(patched);
        }
        ApiFault::None
    });
    stage
        .deploy(V1, &[])
        .exits(10)
        .says("whether it was written is not known");
    assert!(stage.get("configmap/settings").is_null());
}

/// A webhook for Deployments of a namespace at a port where nobody listens.
fn webhook(scene: &Scene) -> String {
    let namespace = &scene.stage.namespace;
    format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {{name: {namespace}}}
webhooks:
- name: nobody.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  timeoutSeconds: 2
  namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}
  rules:
  - {{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}}
  clientConfig: {{url: \"https://127.0.0.1:1/\"}}
"
    )
}

/// Removes the webhook again: it is of the whole cluster.
struct Webhook<'a>(&'a Scene);

impl Drop for Webhook<'_> {
    fn drop(&mut self) {
        let name = &self.0.stage.namespace;
        let _ = self.0.stage.kubectl(&[
            "delete",
            "validatingwebhookconfiguration",
            name,
            "--ignore-not-found",
        ]);
    }
}

#[test]
fn d11_a_webhook_that_does_not_answer_refuses_before_anything_is_written() {
    let scene = deployed("d11-webhook");
    let webhook_of = Webhook(&scene);
    scene.stage.kubectl_apply(&webhook(&scene), &[]).exits(0);
    // The server takes it up within a moment.
    let try_out = [
        "annotate",
        "deployment/web",
        "a=b",
        "--overwrite",
        "--dry-run=server",
    ];
    scene
        .stage
        .until("fails", || scene.stage.kubectl(&try_out).code != 0);
    scene.proxy.forget();
    let ran = scene.stage.run(scene.deploy(V2)).exits(9);
    assert!(ran.stderr.contains("nobody.example.com"), "{}", ran.stderr);
    assert!(
        scene.proxy.writes().is_empty(),
        "{:?}",
        scene.proxy.writes()
    );
    drop(webhook_of);
    scene.is_good(V1, LeaseIs::Free, "with a webhook that does not answer");
}

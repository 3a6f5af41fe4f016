//! The proof that a workload serves what the package says.

use model::object::Gvk;
use package::pod_spec;
use serde_json::Value;

use super::images::{self, Image};
use super::pod::{is_ready, name, tally};
use super::revision::new_pods;
use super::status::{UNOBSERVED, count, is_observed, is_true, replicas};
use super::{Observed, stateful_set, writer};
use crate::object::text;

/// What serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// How many pods of the new revision are ready with the package's images;
    /// of a completed Job, how many succeeded.
    pub pods: usize,
}

/// Why it does not serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotServing {
    /// One line.
    pub why: String,
    /// The field manager that wrote what is there instead, if it is not us: a
    /// controller that puts another version back, most probably.
    pub manager: Option<String>,
}

impl NotServing {
    fn because(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            manager: None,
        }
    }
}

/// Proves that a workload serves: its template has the package's images, as
/// many pods of the new revision as wanted are ready, and their specs have
/// those images too. Old pods do not count, and containers that the package's
/// template does not name were injected and do not matter; neither does
/// `status.imageID`, which runtimes report each in their own way. What has no
/// pods serves by being there.
///
/// `expected` is the object as the package has it.
pub fn serves(observed: &Observed<'_>, expected: &Value) -> Result<Served, NotServing> {
    let object = observed.object;
    let gvk = Gvk::new(text(object, "/apiVersion"), text(object, "/kind"));
    let Some(keys) = pod_spec::of_kind(&gvk) else {
        return Ok(Served { pods: 0 });
    };
    let pointer = format!("/{}", keys.join("/"));
    let wanted = expected.pointer(&pointer).map_or_else(Vec::new, images::of);
    if let Some((image, is)) =
        images::first_other(&wanted, object.pointer(&pointer).unwrap_or(&Value::Null))
    {
        return Err(NotServing {
            why: differs("its template", &image, is),
            manager: writer::of_image(object, keys, &image),
        });
    }
    match gvk.kind.as_str() {
        "CronJob" | "PodTemplate" => Ok(Served { pods: 0 }),
        "Job" => job(object),
        "Pod" if text(object, "/status/phase") == "Succeeded" => Ok(Served { pods: 1 }),
        "Pod" => pods(observed, &wanted, 1),
        _ if !is_observed(object) => Err(NotServing::because(UNOBSERVED)),
        "DaemonSet" if text(object, "/spec/updateStrategy/type") == "OnDelete" => {
            pods(observed, &wanted, 0)
        }
        "DaemonSet" => pods(
            observed,
            &wanted,
            count(object, "/status/desiredNumberScheduled"),
        ),
        "StatefulSet" => pods(observed, &wanted, stateful_set::must_update(object)),
        _ => pods(observed, &wanted, replicas(object)),
    }
}

fn job(job: &Value) -> Result<Served, NotServing> {
    let suspended = job.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true);
    if is_true(job, "Complete") || suspended {
        let pods = usize::try_from(count(job, "/status/succeeded")).unwrap_or_default();
        Ok(Served { pods })
    } else {
        Err(NotServing::because("it is not complete"))
    }
}

/// That so many new pods are ready with these images. Pods that are not ready
/// beyond that number do not matter: they do not serve.
fn pods(observed: &Observed<'_>, wanted: &[Image<'_>], least: i64) -> Result<Served, NotServing> {
    let new = new_pods(observed);
    let ready: Vec<&Value> = new.iter().copied().filter(|pod| is_ready(pod)).collect();
    for pod in &ready {
        let spec = pod.get("spec").unwrap_or(&Value::Null);
        if let Some((image, is)) = images::first_other(wanted, spec) {
            return Err(NotServing {
                why: differs(name(pod), &image, is),
                manager: writer::of_image(pod, &["spec"], &image),
            });
        }
    }
    if i64::try_from(ready.len()).unwrap_or(i64::MAX) < least {
        return Err(NotServing::because(tally(&new, least)));
    }
    Ok(Served { pods: ready.len() })
}

fn differs(what: &str, image: &Image<'_>, is: Option<&str>) -> String {
    match is {
        Some(is) => format!(
            "{what}: {image} has image {is}, the package has {}",
            image.reference
        ),
        None => format!("{what}: {image} is not there"),
    }
}

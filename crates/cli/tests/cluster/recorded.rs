//! What a deploy asked of the API server, recorded on its way.

use testkit::api_proxy::{ApiFault, ApiProxy};

use crate::stage::{Stage, settings};

/// A client with nothing but a `ConfigMap`, in one version.
pub fn small(name: &str) -> Stage {
    let stage = Stage::new(name);
    stage
        .sources(&[("settings.yaml", &settings("one"))])
        .package("v1.0.0");
    stage
}

/// A client whose packages may bring this kind, which belongs to the whole
/// cluster.
pub fn allowing(name: &str, kind: &str) -> Stage {
    let stage = Stage::new(name);
    let text = stage.hosting.read("consign.yaml");
    let allowed = format!("policy:\n  cluster-kinds: [{kind}]\n");
    stage.hosting.write("consign.yaml", text + &allowed);
    stage
}

/// A proxy that only records.
pub fn recording(stage: &mut Stage) -> ApiProxy {
    stage.through_proxy(|_, _| ApiFault::None)
}

/// Nothing that would change something was asked for.
#[track_caller]
pub fn nothing_written(proxy: &ApiProxy) {
    let writes: Vec<String> = proxy
        .writes()
        .into_iter()
        .map(|w| format!("{} {}", w.method, w.path))
        .collect();
    assert!(writes.is_empty(), "{writes:#?}");
}

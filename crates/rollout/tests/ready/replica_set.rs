//! `ReplicaSets` and `ReplicationControllers` of a package's own.

use rollout::ready::Observed;
use serde_json::json;

use crate::objects::{NEW, alone, crashing, judged, pod, with, workload};

#[test]
fn as_many_available_pods_as_wanted() {
    for (api_version, kind) in [("apps/v1", "ReplicaSet"), ("v1", "ReplicationController")] {
        let set = |observed: i64, replicas: i64, available: i64| {
            let status = json!({
                "observedGeneration": observed, "replicas": replicas, "readyReplicas": replicas,
                "availableReplicas": available,
            });
            with(workload(api_version, kind), &[("/status", status)])
        };
        assert_eq!(alone(&set(2, 2, 2)), "ready: 2 of 2 pods are available");
        assert_eq!(
            alone(&set(1, 2, 2)),
            "waiting: its controller has not seen this change yet"
        );
        assert_eq!(alone(&set(2, 3, 3)), "waiting: pods too many: 1");
        let object = set(2, 2, 1);
        let pods = [
            pod("web-a", "uid-web", NEW),
            crashing(pod("web-b", "uid-web", NEW), 1),
        ];
        let observed = Observed {
            pods: &pods,
            ..Observed::of(&object)
        };
        assert_eq!(
            judged(&observed),
            "waiting: 1 of 2 pods are available; web-b: container web: CrashLoopBackOff \
             (restarted once; last exit code 1 (Error))"
        );
    }
}

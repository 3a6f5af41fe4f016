//! Images that cannot be pulled: for certain, or for now.

use rollout::ready::{Observed, Readiness, Reason, Rules, judge};
use serde_json::json;

use crate::objects::{NEW, alone, failed, pod, unpullable};

/// What the kubelet says of `registry.example/web` with containerd, CRI-O and
/// cri-dockerd.
const CERTAIN: [(&str, &str, Reason); 16] = [
    (
        "ErrImagePull",
        "rpc error: code = NotFound desc = failed to pull and unpack image \"registry.example/web:v1\": failed to resolve reference \"registry.example/web:v1\": registry.example/web:v1: not found",
        Reason::ImageNotFound,
    ),
    (
        "ImagePullBackOff",
        "Back-off pulling image \"registry.example/web:v1\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image \"registry.example/web:v1\": failed to resolve reference \"registry.example/web:v1\": registry.example/web:v1: not found",
        Reason::ImageNotFound,
    ),
    (
        "ErrImagePull",
        "failed to pull image \"registry.example/web@sha256:4290\": failed to pull and unpack image \"registry.example/web@sha256:5035\": failed to resolve image: registry.example/web@sha256:5035: not found",
        Reason::ImageNotFound,
    ),
    (
        "ErrImagePull",
        "reading manifest v1 in registry.example/web: manifest unknown: manifest unknown",
        Reason::ImageNotFound,
    ),
    (
        "ErrImagePull",
        "rpc error: code = Unknown desc = Error response from daemon: manifest for web:v1 not found: manifest unknown: manifest unknown",
        Reason::ImageNotFound,
    ),
    (
        "ErrImagePull",
        "rpc error: code = Unknown desc = failed to resolve reference \"registry.example/web:v1\": unexpected status from HEAD request to https://registry.example/v2/web/manifests/v1: 404 Not Found",
        Reason::ImageNotFound,
    ),
    (
        "InvalidImageName",
        "Failed to apply default image tag \"Web\": couldn't parse image name \"Web\": invalid reference format: repository name must be lowercase",
        Reason::ImageNotFound,
    ),
    (
        "ErrImageNeverPull",
        "Container image \"registry.example/web:v1\" is not present with pull policy of Never",
        Reason::ImageNotFound,
    ),
    (
        "ErrImagePull",
        "failed to resolve reference \"docker.io/library/nope:1\": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
        Reason::ImageRefused,
    ),
    (
        "ErrImagePull",
        "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token?scope=repository%3Aweb%3Apull&service=ghcr.io: 403 Forbidden",
        Reason::ImageRefused,
    ),
    (
        "ErrImagePull",
        "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized",
        Reason::ImageRefused,
    ),
    (
        "ErrImagePull",
        "unable to retrieve auth token: invalid username/password: unauthorized: authentication required",
        Reason::ImageRefused,
    ),
    (
        "ErrImagePull",
        "initializing source docker://registry.example/web:v1: reading manifest v1 in registry.example/web: requested access to the resource is denied",
        Reason::ImageRefused,
    ),
    (
        "ImagePullBackOff",
        "Back-off pulling image \"registry.example/web:v1\": ErrImagePull: unexpected status from HEAD request to https://registry.example/v2/web/manifests/v1: 403 Forbidden",
        Reason::ImageRefused,
    ),
    (
        "ErrImagePull",
        "rpc error: code = PermissionDenied desc = denied: Permission \"artifactregistry.repositories.downloadArtifacts\" denied on resource \"projects/acme\" (or it may not exist)",
        Reason::ImageRefused,
    ),
    (
        "SignatureValidationFailed",
        "image pull failed for registry.example/web:v1 because the signature validation failed",
        Reason::ImageRefused,
    ),
];

const PASSING: [(&str, &str); 20] = [
    (
        "ErrImagePull",
        "failed to fetch oauth token: unauthorized: unexpected EOF",
    ),
    ("ContainerCreating", ""),
    (
        "ImagePullBackOff",
        "Back-off pulling image \"registry.example/web:v1\"",
    ),
    // Names are not words.
    (
        "ImagePullBackOff",
        "Back-off pulling image \"registry.example/not found\"",
    ),
    (
        "ImagePullBackOff",
        "Back-off pulling image \"registry.example/unauthorized:403\": ErrImagePull: it broke",
    ),
    (
        "ErrImagePull",
        "unexpected status from HEAD request to https://registry-1.docker.io/v2/library/nginx/manifests/1: 429 Too Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull rate limit.",
    ),
    ("ErrImagePull", "denied: 403 Forbidden: Rate limit exceeded"),
    (
        "ErrImagePull",
        "unexpected status from HEAD request to https://r/v2/web/manifests/v1: 500 Internal Server Error",
    ),
    (
        "ErrImagePull",
        "unexpected status from HEAD request to https://r/v2/web/manifests/v1: 503 Service Unavailable",
    ),
    (
        "ErrImagePull",
        "failed to fetch oauth token: unexpected status: 502 Bad Gateway",
    ),
    (
        "ErrImagePull",
        "dial tcp: lookup registry.example on 10.96.0.10:53: no such host",
    ),
    (
        "ErrImagePull",
        "dial tcp 10.0.0.1:443: connect: connection refused",
    ),
    ("ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout"),
    (
        "ErrImagePull",
        "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
    ),
    (
        "ErrImagePull",
        "failed to do request: Head \"https://registry.example/v2/web/manifests/v1\": EOF",
    ),
    (
        "ErrImagePull",
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ),
    (
        "ErrImagePull",
        "failed to prepare extraction snapshot \"extract-1\": parent snapshot sha256:12 does not exist: not found",
    ),
    (
        "ErrImagePull",
        "error getting credentials: executable file not found in $PATH",
    ),
    (
        "RegistryUnavailable",
        "image pull failed for registry.example/web:v1 because the registry is unavailable: 404 not found",
    ),
    ("CreateContainerConfigError", "secret \"acme-db\" not found"),
];

#[test]
fn d14_an_image_that_is_not_found_or_refused_fails_at_once() {
    for (reason, message, expected) in CERTAIN {
        let pod = unpullable(pod("once", "", NEW), reason, message);
        match judge(&Observed::of(&pod), &Rules::default()) {
            Readiness::Failed(failure) => {
                assert_eq!(failure.reason, expected, "{message}");
                let cause = message
                    .rsplit_once("\": ")
                    .map_or(message, |(_, cause)| cause);
                assert!(cause.contains(failure.message.rsplit(": ").next().unwrap()));
                assert_eq!(failure.container.as_deref(), Some("web"));
            }
            other => panic!("{message}: {other:?}"),
        }
    }
}

#[test]
fn d14_a_registry_that_may_answer_yet_is_waited_for() {
    for (reason, message) in PASSING {
        let pod = unpullable(pod("once", "", NEW), reason, message);
        let judgement = judge(&Observed::of(&pod), &Rules::default());
        assert!(
            matches!(judgement, Readiness::Waiting(_)),
            "{message}: {judgement:?}"
        );
    }
}

#[test]
fn the_cause_is_told_without_what_leads_to_it() {
    let image = "127.0.0.1:20783/web:nope";
    let missing = unpullable(
        pod("once", "", image),
        "ImagePullBackOff",
        "Back-off pulling image \"127.0.0.1:20783/web:nope\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image \"127.0.0.1:20783/web:nope\": failed to resolve reference \"127.0.0.1:20783/web:nope\": 127.0.0.1:20783/web:nope: not found",
    );
    let failure = failed(
        &Observed::of(&missing),
        &Rules::default(),
        Reason::ImageNotFound,
    );
    assert_eq!(
        failure.message,
        "once: container web: image 127.0.0.1:20783/web:nope: not found"
    );
    let away = unpullable(
        pod("once", "", image),
        "ErrImagePull",
        "failed to pull and unpack image \"127.0.0.1:1/web:1\": failed to resolve reference \"127.0.0.1:1/web:1\": failed to do request: Head \"http://127.0.0.1:1/v2/web/manifests/1\": dial tcp 127.0.0.1:1: connect: connection refused",
    );
    assert_eq!(
        alone(&away),
        "waiting: Pending: container web: ErrImagePull: dial tcp 127.0.0.1:1: connect: connection refused"
    );
}

#[test]
fn what_the_kubelet_says_is_told_while_waiting() {
    let pod = unpullable(
        pod("once", "", NEW),
        "ErrImagePull",
        "503 Service Unavailable",
    );
    assert_eq!(
        judge(&Observed::of(&pod), &Rules::default()),
        Readiness::Waiting(
            "Pending: container web: ErrImagePull: 503 Service Unavailable".to_owned()
        )
    );
    let quiet = unpullable(pod.clone(), "ContainerCreating", "");
    assert_eq!(
        judge(&Observed::of(&quiet), &Rules::default()),
        Readiness::Waiting("Pending, not ready".to_owned())
    );
    assert_eq!(quiet["status"]["phase"], json!("Pending"));
}

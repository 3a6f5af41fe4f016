//! Images are pinned, and compared with images.txt.

use std::collections::BTreeSet;

use model::digest::Digest;
use model::finding::{Class, Finding, Severity};
use model::image::ImageRef;
use package::images::{ImageLock, ImageRules, Maker, compare, find, list, pin};

use crate::objects::{DIGEST, OTHER, emitted, image, lines, lock, objects};

#[test]
fn g23_pinning_writes_the_digest_and_nothing_else() {
    let text = format!(
        "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
      - image: nginx:1.29-alpine
        name: tagged
      - image: busybox
        name: bare
      - image: redis:7-alpine@{OTHER}
        name: pinned
"
    );
    let pinned = pin(
        objects(&text),
        &ImageRules::default(),
        &lock(&["nginx:1.29-alpine", "busybox"]),
    )
    .unwrap();
    let want = text
        .replace("nginx:1.29-alpine", &format!("nginx:1.29-alpine@{DIGEST}"))
        .replace("busybox", &format!("busybox@{DIGEST}"));
    assert_eq!(emitted(&pinned.objects), want);
    assert_eq!(pinned.images.len(), 3);
    assert_eq!(
        list::print(&pinned.images),
        format!("busybox@{DIGEST}\nnginx:1.29-alpine@{DIGEST}\nredis:7-alpine@{OTHER}\n")
    );
}

#[test]
fn pinning_parts_prefers_a_digest_field() {
    let text = "\
apiVersion: example.com/v1
kind: App
metadata:
  name: app
spec:
  podTemplate:
    a:
      repository: acme/a
      tag: v1
    b:
      digest: \"\"
      repository: acme/b
      tag: v2
    c:
      digest: null
      repository: acme/c
    d:
      registry: ghcr.io
      repository: acme/d
      tag: 1.5
";
    let all = ["acme/a:v1", "acme/b:v2", "acme/c", "ghcr.io/acme/d:1.5"];
    let pinned = pin(objects(text), &ImageRules::default(), &lock(&all)).unwrap();
    let want = text
        .replace("tag: v1", &format!("tag: v1@{DIGEST}"))
        .replace("tag: 1.5", &format!("tag: 1.5@{DIGEST}"))
        .replace("digest: \"\"", &format!("digest: {DIGEST}"))
        .replace("digest: null", &format!("digest: {DIGEST}"));
    assert_eq!(emitted(&pinned.objects), want);
    let digest: Digest = DIGEST.parse().unwrap();
    let images: BTreeSet<ImageRef> = all.iter().map(|i| image(i).pinned(digest)).collect();
    assert_eq!(pinned.images, images);
    assert_eq!(find(&pinned.objects, &ImageRules::default()).set(), images);
}

#[test]
fn g23_each_image_that_floats_is_named_once() {
    let text = "
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers:
  - {name: a, image: 'custom-app:latest'}
  - {name: b, image: 'custom-app:latest'}
  - {name: c, image: nginx}
";
    let findings = pin(objects(text), &ImageRules::default(), &ImageLock::default()).unwrap_err();
    assert_eq!(
        lines(&findings),
        [
            "app.yaml:7: Image digest not resolved: custom-app:latest",
            "app.yaml:9: Image digest not resolved: nginx",
        ]
    );
    for finding in findings {
        assert_eq!(
            (finding.class, finding.code),
            (Class::Policy, "image-floating")
        );
        assert!(finding.help.unwrap().contains("consign lock"));
    }
}

#[test]
fn a_lock_that_disagrees_with_an_object_is_refused() {
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: a, image: 'nginx:1@{OTHER}'}}]}}\n"
    );
    let findings = pin(objects(&text), &ImageRules::default(), &lock(&["nginx:1"])).unwrap_err();
    assert_eq!(findings[0].code, "image-disagrees");
    assert!(findings[0].message.contains(DIGEST) && findings[0].message.contains(OTHER));
    assert!(pin(objects(&text), &ImageRules::default(), &lock(&["nginx:2"])).is_ok());
}

#[test]
fn v11_images_txt_and_all_yaml_are_equal_sets() {
    let text = format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: a}}
spec:
  containers:
  - {{name: a, image: 'nginx:1@{DIGEST}'}}
---
apiVersion: example.com/v1
kind: App
metadata: {{name: a}}
spec: {{image: 'acme/app:1@{DIGEST}', part: {{repository: acme/part, tag: 'v1@{DIGEST}'}}}}
"
    );
    let objects = objects(&text);
    let pinned = |names: &[&str]| -> BTreeSet<ImageRef> {
        names
            .iter()
            .map(|n| image(&format!("{n}@{DIGEST}")))
            .collect()
    };
    assert_eq!(compare(&objects, &pinned(&["nginx:1"]), Maker::Consign), []);
    // Settings of the maker may have covered fields of custom resources.
    let all = pinned(&["nginx:1", "acme/app:1", "acme/part:v1"]);
    assert_eq!(compare(&objects, &all, Maker::Consign), []);

    let findings = compare(&objects, &pinned(&["redis:7"]), Maker::Consign);
    assert_eq!(
        lines(&findings),
        [
            format!("app.yaml:7: image not pinned: nginx:1@{DIGEST} is not in images.txt"),
            format!(
                "images.txt: image not pinned: redis:7@{DIGEST} is listed, and no object names it"
            ),
        ]
    );
    assert!(
        findings
            .iter()
            .all(|f| f.class == Class::Integrity && f.is_error())
    );
}

#[test]
fn v11_what_was_never_pinned_is_refused_and_for_scripts_warned_about() {
    let objects = objects(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, image: 'nginx:alpine'}\n",
    );
    let listed = BTreeSet::from([image(&format!("nginx@{DIGEST}"))]);
    let findings = compare(&objects, &listed, Maker::Scripts);
    assert_eq!(
        lines(&findings),
        ["app.yaml:6: image not pinned: nginx:alpine"]
    );
    assert!(findings.iter().all(|f| f.severity == Severity::Warning));
    let findings = compare(&objects, &listed, Maker::Consign);
    assert_eq!(findings.len(), 2);
    assert!(findings.iter().all(Finding::is_error));
}

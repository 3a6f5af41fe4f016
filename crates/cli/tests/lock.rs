//! Tags to digests at the binary, against a real registry.

use std::process::Command;

use testkit::consign::{Hosting, Ran};
use testkit::registry::{Kind, Registry};

/// A root whose client names two images of this registry.
fn client(registry: &Registry) -> Hosting {
    let hosting = Hosting::empty(env!("CARGO_BIN_EXE_consign"));
    let host = registry.host();
    hosting.write(
        "k8s/clients/acme/kustomization.yaml",
        "namespace: sh-acme\nresources: [pod.yaml]\n",
    );
    hosting.write(
        "k8s/clients/acme/pod.yaml",
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - {{name: a, image: \"{host}/team/a:1\"}}\n  - {{name: b, image: \"{host}/team/b:2\"}}\n"),
    );
    hosting
}

fn package(hosting: &Hosting, version: &str, more: &[&str]) -> Ran {
    hosting.run(
        ["package", "--client", "acme", "--version", version]
            .iter()
            .chain(more),
    )
}

#[test]
fn lock_then_package_without_a_registry() {
    let registry = Registry::open().unwrap();
    let a = registry
        .push("team/a", "1", Kind::OciIndex, "first")
        .unwrap();
    let b = registry
        .push("team/b", "2", Kind::DockerManifest, "first")
        .unwrap();
    let hosting = client(&registry);
    let host = registry.host();

    package(&hosting, "v1.0.0", &["--locked"])
        .exits(5)
        .says("images.lock is missing")
        .says("consign lock --client acme");
    hosting
        .run(["lock", "--client", "acme"])
        .exits(0)
        .says("2 images locked");
    assert_eq!(
        hosting.read("k8s/clients/acme/images.lock"),
        format!(
            "version: 1\nimages:\n- image: \"{host}/team/a:1\"\n  digest: {a}\n  mediaType: {}\n- image: \"{host}/team/b:2\"\n  digest: {b}\n  mediaType: {}\n",
            Kind::OciIndex.media_type(),
            Kind::DockerManifest.media_type(),
        )
    );

    // The tag moves; the lock does not, until it is asked to.
    let moved = registry
        .push("team/a", "1", Kind::OciIndex, "second")
        .unwrap();
    assert_ne!(moved, a);
    hosting
        .run(["lock", "--client", "acme"])
        .exits(0)
        .says("nothing changed");
    package(&hosting, "v1.0.0", &["--locked"]).exits(0);
    assert_eq!(
        hosting.read("packages/acme-v1.0.0/images.txt"),
        format!("{host}/team/a:1@{a}\n{host}/team/b:2@{b}\n")
    );
    hosting
        .run(["lock", "--client", "acme", "--update"])
        .exits(0)
        .says(&format!("{host}/team/a:1: changed: {moved}"));

    drop(registry);
    package(&hosting, "v1.0.1", &["--locked"]).exits(0);
    package(&hosting, "v1.0.2", &[]).exits(0);
    hosting.verify("acme-v1.0.1").exits(0);
    // The resolving itself says that the registry is gone, and leaves the lock.
    let before = hosting.read("k8s/clients/acme/images.lock");
    hosting
        .run(["lock", "--client", "acme", "--update", "--deadline", "2"])
        .exits(8)
        .says("Image digest not resolved");
    assert_eq!(hosting.read("k8s/clients/acme/images.lock"), before);
}

#[test]
fn package_resolves_what_no_lock_holds() {
    let registry = Registry::open().unwrap();
    let a = registry
        .push("team/a", "1", Kind::OciManifest, "x")
        .unwrap();
    let hosting = client(&registry);
    package(&hosting, "v1.0.0", &[])
        .exits(8)
        .says("Image digest not resolved")
        .says("team/b");
    assert!(!hosting.path("packages/acme-v1.0.0").exists());
    let b = registry
        .push("team/b", "2", Kind::OciManifest, "y")
        .unwrap();
    package(&hosting, "v1.0.0", &[]).exits(0);
    let host = registry.host();
    assert_eq!(
        hosting.read("packages/acme-v1.0.0/images.txt"),
        format!("{host}/team/a:1@{a}\n{host}/team/b:2@{b}\n")
    );
    drop(registry);
    package(&hosting, "v1.0.1", &["--deadline", "2"])
        .exits(8)
        .says("Image digest not resolved");
    assert!(!hosting.path("packages/acme-v1.0.1").exists());
    // Packaging writes no lock: that is lock's to do.
    assert!(!hosting.path("k8s/clients/acme/images.lock").exists());
}

#[test]
fn offline_and_locked_open_no_connection() {
    let registry = Registry::open().unwrap();
    registry
        .push("team/a", "1", Kind::OciManifest, "x")
        .unwrap();
    registry
        .push("team/b", "2", Kind::OciManifest, "y")
        .unwrap();
    let hosting = client(&registry);
    let sockets = |arguments: &[&str]| {
        let trace = hosting.path("trace");
        let run = hosting.command(arguments);
        let ran: Ran = Command::new("strace")
            .args(["-f", "-qq", "-e", "trace=%network", "-o"])
            .arg(&trace)
            .arg(run.get_program())
            .args(run.get_args())
            .current_dir(hosting.path(""))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .output()
            .unwrap()
            .into();
        let opened = hosting
            .read("trace")
            .lines()
            .filter(|l| l.contains("AF_INET"))
            .count();
        (ran, opened)
    };
    let base = ["package", "--client", "acme", "--version"];
    let with = |more: &[&'static str]| [&base[..], more].concat();
    let (ran, opened) = sockets(&with(&["v1.0.0", "--offline"]));
    ran.exits(5).says("Image digest not resolved");
    assert_eq!(opened, 0);
    // The tracer sees connections where there are some.
    let (ran, opened) = sockets(&["lock", "--client", "acme"]);
    ran.exits(0);
    assert!(opened > 0);
    for version in [["v1.0.0", "--offline"], ["v1.0.1", "--locked"]] {
        let (ran, opened) = sockets(&with(&version));
        ran.exits(0);
        assert_eq!(opened, 0, "{version:?}");
    }
}

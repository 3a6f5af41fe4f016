//! What a build may read, and what it refuses to do.

#![expect(clippy::unwrap_used, reason = "tests")]

mod tree;

use std::os::unix::fs::symlink;

use model::finding::{Class, Finding};
use tree::Tree;

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n";

/// The one finding there is, as text, after its class was checked.
fn only(findings: &[Finding], class: Class) -> String {
    assert_eq!(findings.len(), 1, "{findings:?}");
    let finding = &findings[0];
    assert_eq!(finding.class, class, "{finding}");
    assert!(finding.help.is_some(), "no help: {finding}");
    finding.to_string()
}

fn clients(kustomization: &str) -> Tree {
    Tree::new([
        ("clients/acme/kustomization.yaml", kustomization),
        ("clients/other/kustomization.yaml", "resources: [c.yaml]"),
        ("clients/other/c.yaml", CONFIG),
        ("base/kustomization.yaml", "resources: [c.yaml]"),
        ("base/c.yaml", CONFIG),
    ])
}

#[test]
fn g16_a_shared_directory_under_the_root_is_allowed() {
    let tree = clients("resources: [../../base]");
    let text = tree.print("clients/acme", &["clients"]).unwrap();
    assert_eq!(text, CONFIG);
}

#[test]
fn g16_another_clients_directory_is_refused() {
    let tree = clients("resources:\n- ../other\n");
    let said = only(
        &tree.print("clients/acme", &["clients"]).unwrap_err(),
        Class::Policy,
    );
    assert!(
        said.starts_with("clients/acme/kustomization.yaml:2: "),
        "{said}"
    );
    assert!(said.contains("outside what this client may read"), "{said}");
    assert!(said.contains("clients/other"), "{said}");
}

#[test]
fn g16_a_shared_directory_cannot_lead_to_another_client() {
    let tree = clients("resources: [../../base]");
    tree.put(
        "base/kustomization.yaml",
        b"resources:\n- ../clients/other\n",
    );
    let said = only(
        &tree.print("clients/acme", &["clients"]).unwrap_err(),
        Class::Policy,
    );
    assert!(said.starts_with("base/kustomization.yaml:2: "), "{said}");
    assert!(said.contains("outside what this client may read"), "{said}");
    assert!(
        said.contains("reached through clients/acme/kustomization.yaml:1"),
        "{said}"
    );
}

#[test]
fn g16_absolute_and_escaping_paths_are_refused() {
    for path in ["/etc/hostname", "../../../etc/hostname"] {
        let tree = clients(&format!("resources: [{path}]"));
        let said = only(
            &tree.print("clients/acme", &["clients"]).unwrap_err(),
            Class::Policy,
        );
        assert!(said.contains("outside what this client may read"), "{said}");
        assert!(said.contains(path), "{said}");
    }
}

#[test]
fn g16_symbolic_links_are_judged_by_where_they_lead() {
    let tree = clients("resources: [link.yaml]");
    symlink(
        "../other/c.yaml",
        tree.path().join("clients/acme/link.yaml"),
    )
    .unwrap();
    let said = only(
        &tree.print("clients/acme", &["clients"]).unwrap_err(),
        Class::Policy,
    );
    assert!(said.contains("clients/other/c.yaml"), "{said}");

    let tree = clients("resources: [link]");
    symlink("/etc", tree.path().join("clients/acme/link")).unwrap();
    let findings = tree.print("clients/acme", &["clients"]).unwrap_err();
    assert!(
        findings.iter().all(|f| f.class == Class::Policy),
        "{findings:?}"
    );

    // A link that stays in the area but leaves the kustomization's directory
    // is kustomize's own refusal.
    let tree = clients("resources: [link.yaml]");
    symlink(
        "../../base/c.yaml",
        tree.path().join("clients/acme/link.yaml"),
    )
    .unwrap();
    let said = only(
        &tree.print("clients/acme", &["clients"]).unwrap_err(),
        Class::Policy,
    );
    assert!(said.contains("is not in or below 'clients/acme'"), "{said}");
    assert!(said.contains("base/c.yaml"), "{said}");
}

#[test]
fn g16_hard_links_to_other_clients_are_refused() {
    let tree = clients("resources: [c.yaml]");
    std::fs::hard_link(
        tree.path().join("clients/other/c.yaml"),
        tree.path().join("clients/acme/c.yaml"),
    )
    .unwrap();
    let said = only(
        &tree.print("clients/acme", &["clients"]).unwrap_err(),
        Class::Policy,
    );
    assert!(said.contains("outside what this client may read"), "{said}");
}

#[test]
fn g16_every_kind_of_file_is_fenced() {
    for kustomization in [
        "resources: [../x]",
        "patches: [{path: ../x}]",
        "patchesStrategicMerge: [../x]",
        "patchesJson6902: [{path: ../x, target: {name: a}}]",
        "configMapGenerator: [{name: a, files: [../x]}]",
        "configMapGenerator: [{name: a, envs: [../x]}]",
        "secretGenerator: [{name: a, files: [k=../x]}]",
    ] {
        let tree = clients(kustomization);
        tree.put("clients/x", CONFIG.as_bytes());
        let said = only(
            &tree.print("clients/acme", &["clients"]).unwrap_err(),
            Class::Policy,
        );
        assert!(
            said.contains("outside what this client may read"),
            "{kustomization}: {said}"
        );
        let said = only(&tree.print("clients/acme", &[]).unwrap_err(), Class::Policy);
        assert!(
            said.contains("is not in or below 'clients/acme'"),
            "{kustomization}: {said}"
        );
    }
}

#[test]
fn g17_remote_resources_are_refused() {
    for remote in [
        "https://example.com/x.yaml",
        "http://example.com/x.yaml",
        "git@github.com:a/b.git",
        "ssh://git@example.com/a/b",
        "github.com/a/b?ref=v1",
        "github.com/a/b",
        "oci://example.com/chart",
        "https://example.com/a//b?ref=main",
    ] {
        for field in ["resources", "components", "bases"] {
            let tree = clients(&format!("{field}:\n- {remote}\n"));
            let said = only(
                &tree.print("clients/acme", &["clients"]).unwrap_err(),
                Class::Policy,
            );
            assert!(said.contains("kustomization.yaml:2: "), "{said}");
            assert!(said.contains(remote) && said.contains("remote"), "{said}");
        }
    }
    for field in [
        "patches: [{path: 'https://example.com/p.yaml'}]",
        "configMapGenerator: [{name: a, files: ['https://example.com/f']}]",
    ] {
        let said = only(
            &clients(field).print("clients/acme", &[]).unwrap_err(),
            Class::Policy,
        );
        assert!(said.contains("remote"), "{said}");
    }
}

#[test]
fn g18_programs_and_fields_that_are_not_built_are_refused_by_name() {
    for (field, value) in [
        ("helmCharts", "[{name: x}]"),
        ("helmGlobals", "{chartHome: x}"),
        ("helmChartInflationGenerator", "[{chartName: x}]"),
        ("generators", "[g.yaml]"),
        ("transformers", "[t.yaml]"),
        ("validators", "[v.yaml]"),
        ("replacements", "[{path: r.yaml}]"),
        ("vars", "[{name: X}]"),
        ("configurations", "[c.yaml]"),
        ("crds", "[c.yaml]"),
        ("openapi", "{path: o.json}"),
        ("buildMetadata", "[originAnnotations]"),
    ] {
        let tree = clients(&format!("resources: []\n{field}: {value}\n"));
        let said = only(&tree.print("clients/acme", &[]).unwrap_err(), Class::Policy);
        assert_eq!(
            said,
            format!("clients/acme/kustomization.yaml:2: field '{field}' is not supported")
        );
    }
}

#[test]
fn what_is_wrong_is_said_at_once() {
    let tree = clients(
        "resourses: [a]\nnamePrefix: 1\nlabels:\n- pairs: {a: 1}\n  includeSelector: true\nvars: [{name: X}]\n",
    );
    let said: Vec<String> = tree
        .print("clients/acme", &[])
        .unwrap_err()
        .iter()
        .map(|f| format!("{f}; {}", f.help.as_deref().unwrap_or_default()))
        .collect();
    let file = "clients/acme/kustomization.yaml";
    assert_eq!(
        said,
        [
            format!("{file}:1: unknown field 'resourses'; did you mean 'resources'?"),
            format!(
                "{file}:6: field 'vars' is not supported; this version does not build it; use a patch"
            ),
            format!(
                "{file}:2: field 'namePrefix' must be a string, not a number; put the value in quotes"
            ),
            format!(
                "{file}:5: unknown field 'labels[0].includeSelector'; did you mean 'includeSelectors'?"
            ),
            format!(
                "{file}:4: field 'labels[0].pairs.a' must be a string, not a number; put the value in quotes"
            ),
        ]
    );
}

#[test]
fn every_missing_file_is_said() {
    let tree = clients("resources: [a.yaml, b.yaml]\nconfigMapGenerator: [{name: g, files: [d]}]");
    let said: Vec<String> = tree
        .print("clients/acme", &[])
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said.iter().all(|s| s.contains("no such file or directory")),
        "{said:?}"
    );
}

#[test]
fn a_generated_value_is_never_shown() {
    let tree = clients("secretGenerator: [{name: s, literals: [hunter2]}]");
    let findings = tree.print("clients/acme", &[]).unwrap_err();
    assert!(!format!("{findings:?}").contains("hunter2"), "{findings:?}");
}

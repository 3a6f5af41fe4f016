//! Input that asks for more than a build gives.

#![expect(clippy::unwrap_used, reason = "tests")]

mod tree;

use model::finding::{Class, Finding};
use tree::Tree;

fn assert_limit(findings: &[Finding]) {
    assert!(
        findings
            .iter()
            .any(|f| f.class == Class::Usage && f.message.contains("limit")),
        "{findings:?}"
    );
}

#[test]
fn g20_directories_within_one_another() {
    let tree = Tree::new((0..80).map(|n| {
        let path = format!("d{n}/kustomization.yaml");
        (path, format!("resources: [../d{}]", n + 1))
    }));
    assert_limit(&tree.print("d0", &[]).unwrap_err());
}

#[test]
fn g20_directories_reached_again_and_again() {
    let tree = Tree::new((0..30).flat_map(|n| {
        let text = format!("resources: [../a{}, ../b{}]", n + 1, n + 1);
        [
            (format!("a{n}/kustomization.yaml"), text.clone()),
            (format!("b{n}/kustomization.yaml"), text),
        ]
    }));
    for leaf in ["a30", "b30"] {
        tree.put(&format!("{leaf}/kustomization.yaml"), b"resources: []");
    }
    let findings = tree.print("a0", &[]).unwrap_err();
    assert_limit(&findings);
    assert!(findings.len() < 300, "{} findings", findings.len());
}

#[test]
fn g20_more_objects_than_any_installation_has() {
    let one = "---\nkind: A\nmetadata: {name: n";
    let lines: Vec<String> = (0..25_001).map(|n| format!("{one}{n}}}")).collect();
    let text = lines.join("\n");
    let tree = Tree::new([
        (
            "kustomization.yaml",
            "resources: [a.yaml, b.yaml]".to_owned(),
        ),
        ("a.yaml", text.clone()),
        ("b.yaml", text.replace("kind: A", "kind: B")),
    ]);
    assert_limit(&tree.print("", &[]).unwrap_err());
}

#[test]
fn g27_billion_laughs() {
    let mut text =
        String::from("kind: A\nmetadata: {name: a}\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let item = format!("*a{}", n - 1);
        let items = vec![item; 9].join(", ");
        text = format!("{text}a{n}: &a{n} [{items}]\n");
    }
    let tree = Tree::new([
        ("kustomization.yaml", "resources: [a.yaml]"),
        ("a.yaml", &text),
    ]);
    assert_limit(&tree.print("", &[]).unwrap_err());
    let tree = Tree::new([("kustomization.yaml", &text)]);
    assert_limit(&tree.print("", &[]).unwrap_err());
}

#[test]
fn g27_deep_flow() {
    let deep = format!("a: {}{}", "[".repeat(20_000), "]".repeat(20_000));
    let resource = format!("kind: A\nmetadata: {{name: a}}\n{deep}\n");
    let tree = Tree::new([
        ("kustomization.yaml", "resources: [a.yaml]"),
        ("a.yaml", &resource),
    ]);
    assert_limit(&tree.print("", &[]).unwrap_err());
    let tree = Tree::new([("kustomization.yaml", &deep)]);
    assert_limit(&tree.print("", &[]).unwrap_err());
}

#[test]
fn g20_a_file_larger_than_is_read() {
    let tree = Tree::new([("kustomization.yaml", "resources: [a.yaml]")]);
    let file = std::fs::File::create(tree.path().join("a.yaml")).unwrap();
    file.set_len(1 << 40).unwrap();
    assert_limit(&tree.print("", &[]).unwrap_err());
}

#[test]
fn what_is_not_a_file_is_refused() {
    let tree = Tree::new([("kustomization.yaml", "resources: [pipe]")]);
    let status = std::process::Command::new("mkfifo")
        .arg(tree.path().join("pipe"))
        .status()
        .unwrap();
    assert!(status.success());
    let findings = tree.print("", &[]).unwrap_err();
    assert!(findings[0].message.contains("pipe"), "{findings:?}");
}

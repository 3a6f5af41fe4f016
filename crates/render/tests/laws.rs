//! Laws that hold for every build.

#![expect(clippy::unwrap_used, reason = "tests")]

mod tree;

use std::collections::BTreeMap;

use model::files::{Area, Root};
use model::path::RelPath;
use model::yaml::{Limits, parse_resources};
use proptest::prelude::*;
use render::{Options, Reorder};
use tree::Tree;

/// A kustomization tree: a base of some objects, an overlay, a component.
#[derive(Debug, Clone)]
struct Sources {
    files: BTreeMap<String, String>,
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9]{0,4}"
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        "\\PC{0,6}",
        Just("yes".to_owned()),
        Just("0755".to_owned()),
        Just("line\nline\n".to_owned()),
    ]
}

fn sources() -> impl Strategy<Value = Sources> {
    let configs = prop::collection::btree_map(name(), value(), 1..6);
    let literals = prop::collection::btree_map(name(), "[a-zA-Z0-9 =:/-]{0,90}", 0..4);
    // A label `n` or `y` would be a boolean, which kustomize refuses.
    let label = "l[a-z0-9]{1,4}";
    (configs, literals, name(), name(), label, any::<bool>()).prop_map(
        |(configs, literals, namespace, prefix, label, hash)| {
            let mut files = BTreeMap::new();
            let mut names = Vec::new();
            for (name, value) in &configs {
                let value = serde_json::to_string(value).unwrap();
                names.push(format!("{name}.yaml"));
                files.insert(
                    format!("base/{name}.yaml"),
                    format!(
                        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name:?}}}\ndata: {{k: {value}}}\n---\n\
                         apiVersion: v1\nkind: Pod\nmetadata: {{name: {name:?}}}\nspec: {{containers: [{{name: c, image: i, envFrom: [{{configMapRef: {{name: {name:?}}}}}]}}]}}\n"
                    ),
                );
            }
            let names = names.join(", ");
            files.insert(
                "base/kustomization.yaml".to_owned(),
                format!("resources: [{names}]\nnamePrefix: \"{prefix}-\"\n"),
            );
            let literals: Vec<String> = literals
                .iter()
                .map(|(k, v)| serde_json::to_string(&format!("{k}={v}")).unwrap())
                .collect();
            files.insert(
                "top/kustomization.yaml".to_owned(),
                format!(
                    "resources: [../base]\ncomponents: [../part]\nnamespace: \"{namespace}\"\n\
                     secretGenerator: [{{name: generated, literals: [{}], options: {{disableNameSuffixHash: {hash}}}}}]\n",
                    literals.join(", ")
                ),
            );
            files.insert(
                "part/kustomization.yaml".to_owned(),
                format!(
                    "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: [{{pairs: {{{label}: {label:?}}}}}]\n"
                ),
            );
            Sources { files }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(64)
    })]

    /// The same input makes the same bytes, in whatever order its directories
    /// list their files and wherever the root lies.
    #[test]
    fn g21_the_same_input_makes_the_same_bytes(sources in sources(), deeper in name()) {
        let forward = Tree::new(&sources.files);
        let backward = Tree::new(sources.files.iter().rev());
        let deeper_files: Vec<_> = sources
            .files
            .iter()
            .map(|(path, text)| (format!("{deeper}/{path}"), text))
            .collect();
        let below = Tree::new(deeper_files);
        let first = forward.print("top", &[]).unwrap();
        prop_assert_eq!(&first, &forward.print("top", &[]).unwrap());
        prop_assert_eq!(&first, &backward.print("top", &[]).unwrap());
        prop_assert_eq!(&first, &below.print(&format!("{deeper}/top"), &[]).unwrap());
    }

    /// What was built can be built again from what was printed, and is the
    /// same: printing loses nothing.
    #[test]
    fn building_what_was_printed_prints_it_again(sources in sources()) {
        let text = Tree::new(&sources.files).print("top", &[]).unwrap();
        let again = Tree::new([("kustomization.yaml", "resources: [all.yaml]"), ("all.yaml", &text)]);
        prop_assert_eq!(text, again.print("", &[]).unwrap());
    }

    /// Both orders hold the same objects.
    #[test]
    fn order_changes_nothing_else(sources in sources()) {
        let tree = Tree::new(&sources.files);
        let root = Root::open(tree.path()).unwrap();
        let own: RelPath = "top".parse().unwrap();
        let build = |reorder| {
            let area = Area::new(&root, Vec::new(), own.clone());
            let options = Options { reorder, ..Options::default() };
            let objects = render::build(&area, &own, &options).unwrap().objects;
            let mut texts: Vec<String> = objects
                .iter()
                .map(|o| render::print(std::slice::from_ref(o)).unwrap())
                .collect();
            texts.sort();
            texts
        };
        prop_assert_eq!(build(Reorder::Legacy), build(Reorder::None));
    }

    /// No text makes a build panic, and what builds can be read again.
    #[test]
    fn no_text_panics(kustomization in "\\PC{0,80}|([a-zA-Z]+: [\\[{'\"a-z,:}\\] ]{0,20}\n){0,4}", resource in "\\PC{0,80}") {
        let tree = Tree::new([("kustomization.yaml", &kustomization), ("a.yaml", &resource)]);
        if let Ok(text) = tree.print("", &[]) {
            prop_assert!(parse_resources(&text, &Limits::default()).is_ok());
        }
        tree.put("kustomization.yaml", b"resources: [a.yaml]");
        if let Ok(text) = tree.print("", &[]) {
            prop_assert!(parse_resources(&text, &Limits::default()).is_ok());
        }
    }
}

//! kyaml's own table of strategic merges, where it is at hand.

use std::path::Path;

use model::yaml::{Dialect, Limits, Node, emit, parse};
use render::merge::{Outcome, apply};
use serde_json::Value;

/// Cases that ask for what `kustomize build` never asks for: elements of the
/// patch at the end, or merge keys guessed from what elements look like.
const OTHER_OPTIONS: &[&str] = &[
    "merge Element -- add Element first",
    "infer merge keys merge'",
    "no infer merge keys merge using explicit schema as line comment'",
    "merge_primitive_finalizers",
    "merge_primitive_items",
    "merge k8s deployment containers - append",
    "merge k8s deployment volumes - append",
    "port patch has no protocol and different port number",
];

fn read(text: &str) -> Node {
    parse(text, Dialect::V3, &Limits::default())
        .unwrap_or_else(|e| panic!("{e}\n{text}"))
        .unwrap_or_else(Node::null)
}

#[test]
fn strategic_merges_are_kyaml_s() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/render/corpus/units/merge2_v5.5.0.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!(
            "{} is not here: kyaml's table is not compared",
            path.display()
        );
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let mut wrong = Vec::new();
    let mut compared = 0;
    for case in &cases {
        let of = |key: &str| case[key].as_str().unwrap_or_default();
        if OTHER_OPTIONS.contains(&of("description")) {
            continue;
        }
        compared += 1;
        let mut target = read(of("dest"));
        let ours = match apply(&mut target, &read(of("source"))) {
            Ok(Outcome::Kept) => emit(&target).map_err(|e| e.to_string()),
            Ok(Outcome::Deleted) => Ok("null\n".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let expected = emit(&read(of("expected"))).map_err(|e| e.to_string());
        if ours != expected {
            wrong.push(format!(
                "{}\nexpected {expected:?}\nours     {ours:?}",
                of("description")
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {compared} differ\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

/// As recorded from `kustomize build` v5.5.0: an element without its key takes
/// every element that has one out of the target.
#[test]
fn an_element_without_its_key_empties_the_list() {
    let mut target =
        read("{apiVersion: v1, kind: Pod, spec: {containers: [{name: b}, {name: a, image: i}]}}");
    let patch = read("{apiVersion: v1, kind: Pod, spec: {containers: [{image: j}]}}");
    assert_eq!(apply(&mut target, &patch), Ok(Outcome::Kept));
    let expected = "apiVersion: v1\nkind: Pod\nspec:\n  containers: []\n";
    assert_eq!(emit(&target).as_deref(), Ok(expected));
}

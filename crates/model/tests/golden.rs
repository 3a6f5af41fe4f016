//! Documents as `kustomize build` prints them.
//!
//! `golden/kustomize_v5.5.0.json` was recorded by the real tool: each input
//! was the only resource of a kustomization, the output is what
//! `kustomize build` v5.5.0 printed, or the beginning of its error. Maps whose
//! keys mix digits and letters within one word (`a10`, `a1b`, `a2`) are left
//! out: go-yaml's order is not one for them, and kustomize prints them
//! differently every time.

use std::path::Path;

use model::yaml::{Limits, emit_all, parse_resources};
use serde_json::Value;

/// Where we differ, and why.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "text \"\\u0085\"",
        "kustomize turns U+0085 into a blank; we refuse it",
    ),
    (
        "surrogates",
        "JSON's way to write U+1F600; every JSON reader takes it",
    ),
    (
        "escapes without next line",
        "JSON's `\\/`; every JSON reader takes it",
    ),
    ("syntax tab after dash", "YAML 1.2 takes a tab there"),
];

fn render(input: &str) -> Result<String, String> {
    let documents = parse_resources(input, &Limits::default()).map_err(|e| e.to_string())?;
    emit_all(documents.iter().map(|d| &d.node)).map_err(|e| e.to_string())
}

#[test]
fn documents_print_as_kustomize_prints_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kustomize_v5.5.0.json");
    let text = std::fs::read_to_string(path).expect("golden data");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("golden data is JSON");
    assert!(cases.len() > 500);
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let ours = render(case["input"].as_str().expect("an input"));
        let same = match (&ours, case["output"].as_str()) {
            (Ok(ours), Some(theirs)) => ours == theirs,
            (Err(_), None) => true,
            _ => false,
        };
        let expected_to_differ = DIFFERENT.iter().any(|(known, _)| *known == name);
        if same == expected_to_differ {
            wrong.push(format!(
                "{name}\n--- theirs\n{}\n--- ours\n{}\n",
                case["output"]
                    .as_str()
                    .or(case["error"].as_str())
                    .unwrap_or_default(),
                ours.unwrap_or_else(|e| format!("error: {e}")),
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

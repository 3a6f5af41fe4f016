//! Corners of kustomize's behaviour: small inputs, and what the command line
//! of v5.5.0 printed for each (null: it failed).

#![expect(
    clippy::unwrap_used,
    reason = "a case that cannot be read fails the test"
)]

mod tree;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::finding::Class;
use serde_json::Value;
use tree::Tree;

const CASES: &str = include_str!("edges.json");

fn bytes(file: &Value) -> Vec<u8> {
    match file.as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => STANDARD.decode(file["base64"].as_str().unwrap()).unwrap(),
    }
}

#[test]
fn corners() {
    let cases: Value = serde_json::from_str(CASES).unwrap();
    let mut wrong = Vec::new();
    for (name, case) in cases.as_object().unwrap() {
        let files = case["files"].as_object().unwrap().iter();
        let tree = Tree::new(files.map(|(path, file)| (path, bytes(file))));
        let found = tree.print(case["build"].as_str().unwrap(), &[]);
        match (&found, case["expected"].as_str()) {
            (Ok(found), Some(expected)) if found == expected => {}
            (Err(findings), None)
                if !findings.is_empty() && findings.iter().all(|f| f.class == Class::Usage) => {}
            (found, expected) => {
                wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

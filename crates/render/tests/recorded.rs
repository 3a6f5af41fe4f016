//! Our own inputs, printed as kustomize v5.5.0 printed them.
//!
//! `filters/` holds one transformer a case; the clients are those of
//! `examples/hosting`. Every `expected.yaml` is the output of
//! `kubectl kustomize`, every `expected_error.txt` what it said instead.

use std::fs;
use std::path::{Path, PathBuf};

use model::files::{Area, Root};
use model::path::RelPath;
use render::Options;

/// What we say where kustomize fails too.
const ERRORS: &[(&str, &str)] = &[
    ("err-fieldspec-conflict", "conflicting fieldspecs"),
    ("err-image-map", "expected a scalar, found a map"),
    ("err-label-key-1", "is not a string"),
    ("err-label-key-2020-01-01", "is not a string"),
    ("err-label-key-true", "is not a string"),
    ("err-labels-list", "expected a map, found a list"),
    (
        "err-namespace-conflict",
        "namespace transformation produces ID conflict",
    ),
    ("err-path-index", "the path has '0'"),
    ("err-replicas", "named 'nobody'"),
    (
        "err-scalar-on-the-way",
        "expected a map or a list, found a string",
    ),
];

fn build(root: &Path, directory: &str) -> Result<String, String> {
    let root = Root::open(root).map_err(|e| e.to_string())?;
    let directory: RelPath = directory.parse().map_err(|_| "no path".to_owned())?;
    let area = Area::new(&root, Vec::new(), directory.clone());
    let rendered = render::build(&area, &directory, &Options::default()).map_err(|findings| {
        findings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    })?;
    render::print(&rendered.objects).map_err(|f| f.to_string())
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What differs, at its first line.
fn difference(name: &str, expected: &str, got: &str) -> Option<String> {
    let (at, (want, have)) = expected
        .split('\n')
        .chain([""])
        .zip(got.split('\n').chain([""]))
        .enumerate()
        .find(|(_, (want, have))| want != have)
        .or_else(|| (expected.len() != got.len()).then_some((0, ("", ""))))?;
    Some(format!("{name}:{}: want {want:?}, have {have:?}", at + 1))
}

#[test]
fn each_transformer_prints_what_kustomize_prints() {
    let mut cases: Vec<PathBuf> = fs::read_dir(here("tests/filters"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() > 15, "the cases are gone");
    let mut wrong = Vec::new();
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        match (
            build(&case, ""),
            fs::read_to_string(case.join("expected.yaml")),
        ) {
            (Ok(got), Ok(expected)) => wrong.extend(difference(&name, &expected, &got)),
            (Err(error), Ok(_)) => wrong.push(format!("{name}: {error}")),
            (Ok(_), Err(_)) => wrong.push(format!("{name}: was built")),
            (Err(error), Err(_)) => {
                assert!(case.join("expected_error.txt").is_file(), "{name}");
                match ERRORS.iter().find(|(case, _)| *case == name) {
                    Some((_, said)) if error.contains(said) => {}
                    _ => wrong.push(format!("{name}: {error}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_example_clients_print_what_kustomize_prints() {
    let root = here("../../examples/hosting");
    let wrong: Vec<String> = ["acme-corp", "bigcorp", "test-client"]
        .into_iter()
        .filter_map(|client| {
            let expected =
                fs::read_to_string(here(&format!("tests/hosting/{client}.yaml"))).unwrap();
            match build(&root, &format!("k8s/clients/{client}")) {
                Ok(got) => difference(client, &expected, &got),
                Err(error) => Some(format!("{client}: {error}")),
            }
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

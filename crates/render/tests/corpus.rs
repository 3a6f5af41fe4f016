//! Every recorded case of `kustomize build` v5.5.0, byte for byte.
//!
//! `tests/probes` are this project's own cases and always run; kustomize's own
//! tests, converted, run where they lie beside the repository.

#![expect(
    clippy::unwrap_used,
    reason = "a case that cannot be read fails the test"
)]
#![expect(clippy::print_stdout, reason = "the table of counts")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use model::files::{Area, Root};
use model::finding::{Class, Finding};
use model::path::RelPath;
use model::yaml::{Dialect, Limits, Map, Node, parse};
use render::{LoadRestrictor, Options, Rendered, Reorder};
use serde_json::Value;

/// Fields of a kustomization that this version refuses.
const UNSUPPORTED: &[&str] = &[
    "buildMetadata",
    "configurations",
    "crds",
    "generators",
    "helmChartInflationGenerator",
    "helmCharts",
    "helmGlobals",
    "openapi",
    "replacements",
    "transformers",
    "validators",
    "vars",
];

/// Cases whose result is not kustomize's, each with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// How a case came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    SameBytes,
    FailedAsExpected,
    RefusedByName,
    OutOfScope,
    Exception,
    Wrong,
}

struct Case {
    name: String,
    folder: PathBuf,
    facts: Value,
}

impl Case {
    fn all(folder: &Path) -> Vec<Self> {
        let mut all: Vec<Self> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let folder = entry.path();
                let facts = fs::read_to_string(folder.join("case.json")).unwrap();
                Self {
                    name: entry.file_name().into_string().unwrap(),
                    folder,
                    facts: serde_json::from_str(&facts).unwrap(),
                }
            })
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn text(&self, fact: &str) -> &str {
        self.facts[fact].as_str().unwrap_or_default()
    }

    fn is_in_scope(&self) -> bool {
        // A label that a flag adds, which this build does not have.
        let has_flag = self.facts["managed_by"] == true;
        !has_flag && self.facts["needs"].as_array().is_none_or(Vec::is_empty)
    }

    fn restrictor(&self) -> LoadRestrictor {
        let none = self.text("load_restrictor") == "none"
            || self.facts["args"]
                .as_array()
                .is_some_and(|args| args.iter().any(|a| a == "LoadRestrictionsNone"));
        if none {
            LoadRestrictor::Repository
        } else {
            LoadRestrictor::RootOnly
        }
    }

    fn build(&self, reorder: Reorder) -> Result<Rendered, Vec<Finding>> {
        let root = Root::open(&self.folder.join("in")).unwrap();
        let own = RelPath::root().join(self.text("path")).unwrap();
        let area = Area::new(&root, Vec::new(), own.clone());
        let options = Options {
            reorder,
            load_restrictor: self.restrictor(),
        };
        render::build(&area, &own, &options)
    }

    fn print(&self, reorder: Reorder) -> Result<String, Vec<Finding>> {
        let rendered = self.build(reorder)?;
        render::print(&rendered.objects).map_err(|f| vec![f])
    }

    /// The unsupported fields that some kustomization of the case uses.
    fn unsupported(&self) -> Vec<&'static str> {
        let mut found = Vec::new();
        for file in files_below(&self.folder.join("in")) {
            let name = file.file_name().and_then(|n| n.to_str()).unwrap_or("");
            if !["kustomization.yaml", "kustomization.yml", "Kustomization"].contains(&name) {
                continue;
            }
            let Ok(text) = fs::read_to_string(&file) else {
                continue;
            };
            let Ok(Some(node)) = parse(&text, Dialect::V2, &Limits::default()) else {
                continue;
            };
            for (key, value) in node.as_map().into_iter().flat_map(Map::iter) {
                let is_empty = value.is_null()
                    || value.as_seq().is_some_and(<[Node]>::is_empty)
                    || value.as_map().is_some_and(Map::is_empty);
                let field = UNSUPPORTED.iter().find(|f| f.eq_ignore_ascii_case(key));
                if let (Some(field), false) = (field, is_empty) {
                    found.push(*field);
                }
            }
        }
        found
    }

    fn run(&self, report: &mut String) -> Outcome {
        if !self.is_in_scope() {
            return Outcome::OutOfScope;
        }
        let first = match self.text("reorder") {
            "none" => Reorder::None,
            _ => Reorder::Legacy,
        };
        let unsupported = self.unsupported();
        if !unsupported.is_empty() {
            return self.run_refused(&unsupported, report);
        }
        if self.text("expect") == "error" {
            return self.run_failing(first, report);
        }
        let mut wanted = vec![("expected.yaml", first)];
        // What the command line itself printed: the legacy order.
        if self.folder.join("oracle.yaml").exists() {
            wanted.push(("oracle.yaml", Reorder::Legacy));
        }
        for (file, reorder) in wanted {
            let expected = fs::read_to_string(self.folder.join(file)).unwrap();
            match self.print(reorder) {
                Ok(found) if found == expected => {}
                Ok(found) => {
                    let _ = writeln!(report, "== {} ({file})", self.name);
                    first_difference(&expected, &found, report);
                    return Outcome::Wrong;
                }
                Err(findings) => {
                    let _ = writeln!(report, "== {} ({file}) failed:", self.name);
                    show(&findings, report);
                    return Outcome::Wrong;
                }
            }
        }
        Outcome::SameBytes
    }

    fn run_refused(&self, unsupported: &[&str], report: &mut String) -> Outcome {
        match self.print(Reorder::Legacy) {
            Err(findings) => {
                let named = findings.iter().any(|f| {
                    f.class == Class::Policy && unsupported.iter().any(|u| f.message.contains(u))
                });
                if named || self.text("expect") == "error" {
                    return Outcome::RefusedByName;
                }
                let _ = writeln!(report, "== {} not refused for {unsupported:?}:", self.name);
                show(&findings, report);
            }
            Ok(_) => {
                let _ = writeln!(report, "== {} built in spite of {unsupported:?}", self.name);
            }
        }
        Outcome::Wrong
    }

    fn run_failing(&self, reorder: Reorder, report: &mut String) -> Outcome {
        match self.print(reorder) {
            Err(findings) => {
                let is_input = findings
                    .iter()
                    .all(|f| matches!(f.class, Class::Usage | Class::Policy));
                let key = MESSAGES.iter().find(|(name, ..)| *name == self.name);
                let is_said = key.is_none_or(|(_, class, key)| {
                    findings
                        .iter()
                        .any(|f| f.class == *class && f.to_string().contains(key))
                });
                if is_input && is_said && !findings.is_empty() {
                    return Outcome::FailedAsExpected;
                }
                let _ = writeln!(report, "== {} failed otherwise:", self.name);
                show(&findings, report);
            }
            Ok(_) => {
                let _ = writeln!(report, "== {} built, but must fail", self.name);
            }
        }
        Outcome::Wrong
    }
}

/// What failing probes must say, and the class of it.
const MESSAGES: &[(&str, Class, &str)] = &[
    (
        "err-abs-path",
        Class::Policy,
        "outside what this client may read",
    ),
    (
        "err-bad-apiversion",
        Class::Usage,
        "apiVersion for Kustomization should be kustomize.config.k8s.io/v1beta1",
    ),
    (
        "err-bad-kind",
        Class::Usage,
        "kind should be Kustomization or Component",
    ),
    (
        "err-component-in-resources",
        Class::Usage,
        "expected kind != 'Component' for path 'c'",
    ),
    ("err-cycle", Class::Usage, "cycle detected"),
    (
        "err-default-vs-empty-ns",
        Class::Usage,
        "may not add resource with an already registered id: ConfigMap.v1.[noGrp]/a",
    ),
    (
        "err-dup-id",
        Class::Usage,
        "may not add resource with an already registered id: Deployment.v1.apps/app",
    ),
    (
        "err-dup-keys-resource",
        Class::Usage,
        "d.yaml:5: ConfigMap x: key `data`",
    ),
    (
        "err-dup-path",
        Class::Usage,
        "may not add resource with an already registered id: Deployment.v1.apps/app",
    ),
    (
        "err-empty-kustomization",
        Class::Usage,
        "kustomization.yaml is empty",
    ),
    ("err-gen-bad-literal", Class::Usage, "expected key=value"),
    (
        "err-gen-create-exists",
        Class::Usage,
        "exists; behavior must be merge or replace",
    ),
    (
        "err-gen-dup-key",
        Class::Usage,
        "configmap cm illegally repeats the key `a`",
    ),
    (
        "err-gen-merge-missing",
        Class::Usage,
        "does not exist; cannot merge or replace",
    ),
    (
        "err-image-nonscalar",
        Class::Usage,
        "expected a scalar, found a map",
    ),
    (
        "err-kustomization-in-components",
        Class::Usage,
        "expected kind 'Component' for path 'c' but got 'Kustomization'",
    ),
    (
        "err-labels-nonstring",
        Class::Usage,
        "kustomization.yaml:3: field 'labels[0].pairs.a' must be a string, not a number",
    ),
    (
        "err-malformed-yaml",
        Class::Usage,
        "d.yaml:1: MalformedYAMLError",
    ),
    (
        "err-missing-file",
        Class::Usage,
        "'nope.yaml': no such file or directory",
    ),
    ("err-missing-kind", Class::Usage, "missing kind"),
    (
        "err-missing-kustomization",
        Class::Usage,
        "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory 'a'",
    ),
    ("err-missing-name", Class::Usage, "missing metadata.name"),
    (
        "err-namespace-conflict",
        Class::Usage,
        "namespace transformation produces ID conflict",
    ),
    ("err-parent", Class::Usage, "cycle detected"),
    (
        "err-patch-both",
        Class::Usage,
        "patch and path can't be set at the same time",
    ),
    (
        "err-patch-garbage",
        Class::Usage,
        "unable to parse SM or JSON patch",
    ),
    (
        "err-remote",
        Class::Policy,
        "'https://example.com/x.yaml' is remote",
    ),
    (
        "err-remote-git",
        Class::Policy,
        "'github.com/foo/bar?ref=v1' is remote",
    ),
    ("err-replicas-nomatch", Class::Usage, "'zzz'"),
    (
        "err-restrictor-cm",
        Class::Policy,
        "security; file '../x.txt' is not in or below 'o'",
    ),
    (
        "err-restrictor-file",
        Class::Policy,
        "security; file '../x.yaml' is not in or below 'over'",
    ),
    (
        "err-restrictor-patch",
        Class::Policy,
        "security; file '../p.yaml' is not in or below 'o'",
    ),
    ("err-self", Class::Usage, "cycle detected"),
    (
        "err-two-kustomizations",
        Class::Usage,
        "Found multiple kustomization files under",
    ),
    (
        "err-unknown-field",
        Class::Usage,
        "unknown field 'resource'",
    ),
    (
        "json6902-no-target",
        Class::Usage,
        "must specify a target for JSON patch",
    ),
    (
        "smp-err-no-match",
        Class::Usage,
        "no resource matches strategic merge patch Deployment.v1.apps/nope",
    ),
    ("smp-err-unknown-directive", Class::Usage, "patch strategy"),
    ("smp-kind-mismatch-list", Class::Usage, ""),
    (
        "smp-namespace-wildcard",
        Class::Usage,
        "no resource matches strategic merge patch",
    ),
    (
        "yaml11-bools-in-kustomization",
        Class::Usage,
        "field 'labels[0].pairs.a' must be a string, not a boolean",
    ),
];

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

fn show(findings: &[Finding], report: &mut String) {
    for finding in findings {
        let _ = writeln!(report, "   {:?} {finding}", finding.class);
    }
}

fn first_difference(expected: &str, found: &str, report: &mut String) {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let at = expected
        .iter()
        .zip(&found)
        .take_while(|(expected, found)| expected == found)
        .count();
    for (sign, lines) in [('-', &expected), ('+', &found)] {
        for line in lines.iter().skip(at.saturating_sub(2)).take(8) {
            let _ = writeln!(report, "  {sign} {line}");
        }
    }
}

fn run_all(title: &str, folder: &Path) {
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    let mut report = String::new();
    for case in Case::all(folder) {
        let exception = EXCEPTIONS.iter().find(|(name, _)| *name == case.name);
        let mut said = String::new();
        let outcome = match (case.run(&mut said), exception) {
            (Outcome::Wrong, Some(_)) => Outcome::Exception,
            (Outcome::Wrong, None) => {
                report.push_str(&said);
                Outcome::Wrong
            }
            (outcome, None) => outcome,
            (_, Some(_)) => {
                let _ = writeln!(report, "== {} is no exception any more", case.name);
                Outcome::Wrong
            }
        };
        *counts.entry(outcome).or_default() += 1;
    }
    println!("{title}: {counts:?}");
    assert!(
        !counts.contains_key(&Outcome::Wrong),
        "{counts:?}\n{report}"
    );
    assert!(counts.contains_key(&Outcome::SameBytes), "no case ran");
}

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn probes() {
    run_all("probes", &here().join("tests/probes"));
}

#[test]
fn kustomize_own_tests() {
    let beside = here();
    let folder = beside
        .ancestors()
        .map(|folder| folder.join("shared/render/corpus/krusty"))
        .find(|folder| folder.is_dir());
    match folder {
        Some(folder) => run_all("krusty", &folder),
        None => println!("krusty: the cases are not here; only the probes ran"),
    }
}

//! Reading the fields.

use model::finding::{Class, Finding};
use model::yaml::{Map, Node};

use super::{
    Generates, GeneratorEntry, GeneratorOptions, ImageEntry, Kustomization, LabelEntry, Line,
    PatchEntry, ReplicaEntry, Role, SortOptions,
};
use crate::decode::{Decoder, Fields};
use crate::selector::Target;
use crate::transform::fieldspec::{Create, FieldSpec};

/// Every field that is built.
const BUILT: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replicas",
    "sortOptions",
    "resources",
    "components",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "generatorOptions",
];

/// Fields of kustomize that are refused, and what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("buildMetadata", NOT_YET),
    ("configurations", NOT_YET),
    ("crds", NOT_YET),
    (
        "generators",
        "write out what the generator makes and list it in resources",
    ),
    ("helmChartInflationGenerator", HELM),
    ("helmCharts", HELM),
    ("helmGlobals", HELM),
    ("openapi", NOT_YET),
    (
        "replacements",
        "this version does not build it; use a patch",
    ),
    (
        "transformers",
        "this version does not build it; use the fields of the kustomization",
    ),
    ("validators", "run the validator before packaging"),
    ("vars", "this version does not build it; use a patch"),
];

const NOT_YET: &str = "this version does not build it; take the field out";
const HELM: &str =
    "run helm template beforehand and list its output in resources: a build starts no program";

const EDIT_FIX: &str = "Run 'kustomize edit fix' to update your Kustomization automatically.";

/// The fields that kustomize warns of, and what it says to use instead, in
/// the order in which it warns.
const DEPRECATED: &[(&str, &str)] = &[
    ("bases", "resources"),
    ("commonLabels", "labels"),
    ("imageTags", "images"),
    ("patchesJson6902", "patches"),
    ("patchesStrategicMerge", "patches"),
];

/// The whole file, and whether it says nothing.
pub(super) fn read(d: &mut Decoder, node: &Node) -> (Kustomization, bool) {
    let known: Vec<&'static str> = BUILT
        .iter()
        .copied()
        .chain(REFUSED.iter().map(|(name, _)| *name))
        .collect();
    let fields = d.fields(node, "", &known);
    refuse(d, &fields);
    let role = role(d, &fields);
    if let Some((node, path)) = fields.get("metadata") {
        metadata(d, node, &path);
    }
    let mut resources = fields.read(d, "resources", lines);
    resources.extend(fields.read(d, "bases", lines));
    let mut image_entries = fields.read(d, "images", images);
    image_entries.extend(fields.read(d, "imageTags", images));
    let mut generators = fields.read(d, "configMapGenerator", |d, node, path| {
        d.list(node, path, |d, node, path| generator(d, node, path, false))
    });
    generators.extend(fields.read(d, "secretGenerator", |d, node, path| {
        d.list(node, path, |d, node, path| generator(d, node, path, true))
    }));
    let warnings = DEPRECATED
        .iter()
        .filter(|(name, _)| fields.has(name))
        .map(|(name, instead)| {
            format!("# Warning: '{name}' is deprecated. Please use '{instead}' instead. {EDIT_FIX}")
        })
        .collect();
    let is_empty = !fields.names().any(|name| counts(&fields, name));
    let kustomization = Kustomization {
        role,
        name_prefix: fields.read(d, "namePrefix", line),
        name_suffix: fields.read(d, "nameSuffix", line),
        namespace: fields.read(d, "namespace", line),
        common_labels: fields.read(d, "commonLabels", Decoder::string_map),
        common_labels_line: fields.line("commonLabels"),
        labels: fields.read(d, "labels", |d, node, path| d.list(node, path, label)),
        common_annotations: fields.read(d, "commonAnnotations", Decoder::string_map),
        common_annotations_line: fields.line("commonAnnotations"),
        patches_strategic_merge: fields.read(d, "patchesStrategicMerge", lines),
        patches_json6902: fields.read(d, "patchesJson6902", patches),
        patches: fields.read(d, "patches", patches),
        images: image_entries,
        replicas: fields.read(d, "replicas", |d, node, path| d.list(node, path, replica)),
        sort_options: fields.read(d, "sortOptions", |d, node, path| {
            Some(sort_options(d, node, path))
        }),
        resources,
        components: fields.read(d, "components", lines),
        generators,
        generator_options: fields.read(d, "generatorOptions", |d, node, path| {
            Some(generator_options(d, node, path))
        }),
        warnings,
    };
    (kustomization, is_empty)
}

/// Whether a field that is there makes a kustomization more than empty.
fn counts(fields: &Fields<'_>, name: &'static str) -> bool {
    let Some((node, _)) = fields.get(name) else {
        return false;
    };
    match name {
        "apiVersion" | "kind" => false,
        // They are moved to other fields, which an empty list leaves absent.
        "bases" | "imageTags" => node.as_seq().is_some_and(|items| !items.is_empty()),
        _ => node.as_str() != Some(""),
    }
}

fn refuse(d: &mut Decoder, fields: &Fields<'_>) {
    for (name, help) in REFUSED {
        let Some((node, _)) = fields.get(name) else {
            continue;
        };
        let is_empty = node.as_seq().is_some_and(<[Node]>::is_empty)
            || node.as_map().is_some_and(Map::is_empty);
        if is_empty {
            continue;
        }
        let message = format!("field '{name}' is not supported");
        let finding = Finding::error("kustomization-unsupported", Class::Policy, message);
        d.add(finding.help(*help), fields.line(name));
    }
}

fn role(d: &mut Decoder, fields: &Fields<'_>) -> Role {
    let kind = fields.read(d, "kind", Decoder::string);
    let role = match kind.as_str() {
        "" | "Kustomization" => Role::Kustomization,
        "Component" => Role::Component,
        other => {
            let message = format!("kind should be Kustomization or Component, not '{other}'");
            d.invalid(fields.line("kind"), message);
            return Role::Kustomization;
        }
    };
    let (name, wanted) = match role {
        Role::Kustomization => ("Kustomization", "kustomize.config.k8s.io/v1beta1"),
        Role::Component => ("Component", "kustomize.config.k8s.io/v1alpha1"),
    };
    let found = fields.read(d, "apiVersion", Decoder::string);
    if !found.is_empty() && found != wanted {
        let message = format!("apiVersion for {name} should be {wanted}, not '{found}'");
        d.invalid(fields.line("apiVersion"), message);
    }
    role
}

/// Nothing of it is used, but a mistake in it is one all the same.
fn metadata(d: &mut Decoder, node: &Node, path: &str) {
    let fields = d.fields(node, path, &["name", "namespace", "labels", "annotations"]);
    for name in ["name", "namespace"] {
        fields.read(d, name, Decoder::string);
    }
    for name in ["labels", "annotations"] {
        fields.read(d, name, Decoder::string_map);
    }
}

fn line(d: &mut Decoder, node: &Node, path: &str) -> Line {
    Line {
        text: d.string(node, path),
        line: node.at.line,
    }
}

fn lines(d: &mut Decoder, node: &Node, path: &str) -> Vec<Line> {
    d.list(node, path, line)
}

fn label(d: &mut Decoder, node: &Node, path: &str) -> LabelEntry {
    let known = ["pairs", "includeSelectors", "includeTemplates", "fields"];
    let fields = d.fields(node, path, &known);
    LabelEntry {
        line: node.at.line,
        pairs: fields.read(d, "pairs", Decoder::string_map),
        include_selectors: fields.read(d, "includeSelectors", Decoder::boolean),
        include_templates: fields.read(d, "includeTemplates", Decoder::boolean),
        fields: fields.read(d, "fields", |d, node, path| d.list(node, path, field_spec)),
    }
}

fn field_spec(d: &mut Decoder, node: &Node, path: &str) -> FieldSpec {
    let fields = d.fields(node, path, &["group", "version", "kind", "path", "create"]);
    let create = fields.read(d, "create", Decoder::boolean);
    FieldSpec {
        group: fields.read(d, "group", Decoder::string).into(),
        version: fields.read(d, "version", Decoder::string).into(),
        kind: fields.read(d, "kind", Decoder::string).into(),
        path: fields.read(d, "path", Decoder::string).into(),
        create: if create { Create::Yes } else { Create::No },
    }
}

fn images(d: &mut Decoder, node: &Node, path: &str) -> Vec<ImageEntry> {
    d.list(node, path, |d, node, path| {
        let known = ["name", "newName", "tagSuffix", "newTag", "digest"];
        let fields = d.fields(node, path, &known);
        ImageEntry {
            line: node.at.line,
            name: fields.read(d, "name", Decoder::string),
            new_name: fields.read(d, "newName", Decoder::string),
            tag_suffix: fields.read(d, "tagSuffix", Decoder::string),
            new_tag: fields.read(d, "newTag", Decoder::string),
            digest: fields.read(d, "digest", Decoder::string),
        }
    })
}

fn replica(d: &mut Decoder, node: &Node, path: &str) -> ReplicaEntry {
    let fields = d.fields(node, path, &["name", "count"]);
    ReplicaEntry {
        line: node.at.line,
        name: fields.read(d, "name", Decoder::string),
        count: fields.read(d, "count", Decoder::integer),
    }
}

fn patches(d: &mut Decoder, node: &Node, path: &str) -> Vec<PatchEntry> {
    d.list(node, path, |d, node, path| {
        let fields = d.fields(node, path, &["path", "patch", "target", "options"]);
        PatchEntry {
            line: node.at.line,
            path: fields.read(d, "path", Decoder::string),
            patch: fields.read(d, "patch", Decoder::string),
            target: fields.read(d, "target", |d, node, path| Some(target(d, node, path))),
            options: fields.read(d, "options", |d, node, path| {
                d.map(node, path, Decoder::boolean)
            }),
        }
    })
}

fn target(d: &mut Decoder, node: &Node, path: &str) -> Target {
    let known = [
        "group",
        "version",
        "kind",
        "name",
        "namespace",
        "annotationSelector",
        "labelSelector",
    ];
    let fields = d.fields(node, path, &known);
    Target {
        group: fields.read(d, "group", Decoder::string),
        version: fields.read(d, "version", Decoder::string),
        kind: fields.read(d, "kind", Decoder::string),
        name: fields.read(d, "name", Decoder::string),
        namespace: fields.read(d, "namespace", Decoder::string),
        annotations: fields.read(d, "annotationSelector", Decoder::string),
        labels: fields.read(d, "labelSelector", Decoder::string),
    }
}

fn generator(d: &mut Decoder, node: &Node, path: &str, secret: bool) -> GeneratorEntry {
    let mut known = vec![
        "namespace",
        "name",
        "behavior",
        "literals",
        "files",
        "envs",
        "env",
        "options",
    ];
    if secret {
        known.push("type");
    }
    let fields = d.fields(node, path, &known);
    let mut envs = fields.read(d, "envs", lines);
    let env = fields.read(d, "env", line);
    if !env.text.is_empty() {
        envs.push(env);
    }
    GeneratorEntry {
        line: node.at.line,
        generates: if secret {
            Generates::Secret(fields.read(d, "type", Decoder::string))
        } else {
            Generates::ConfigMap
        },
        name: fields.read(d, "name", Decoder::string),
        namespace: fields.read(d, "namespace", Decoder::string),
        behavior: fields.read(d, "behavior", Decoder::string),
        envs,
        literals: fields.read(d, "literals", lines),
        files: fields.read(d, "files", lines),
        options: fields.read(d, "options", generator_options),
    }
}

fn generator_options(d: &mut Decoder, node: &Node, path: &str) -> GeneratorOptions {
    let known = [
        "labels",
        "annotations",
        "disableNameSuffixHash",
        "immutable",
    ];
    let fields = d.fields(node, path, &known);
    GeneratorOptions {
        labels: fields.read(d, "labels", Decoder::string_map),
        annotations: fields.read(d, "annotations", Decoder::string_map),
        disable_name_suffix_hash: fields.read(d, "disableNameSuffixHash", Decoder::boolean),
        immutable: fields.read(d, "immutable", Decoder::boolean),
    }
}

fn sort_options(d: &mut Decoder, node: &Node, path: &str) -> SortOptions {
    let fields = d.fields(node, path, &["order", "legacySortOptions"]);
    SortOptions {
        line: node.at.line,
        order: fields.read(d, "order", Decoder::string),
        legacy: fields.read(d, "legacySortOptions", |d, node, path| {
            let fields = d.fields(node, path, &["orderFirst", "orderLast"]);
            Some((
                fields.read(d, "orderFirst", Decoder::strings),
                fields.read(d, "orderLast", Decoder::strings),
            ))
        }),
    }
}

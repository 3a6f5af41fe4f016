//! consign.yaml: every setting has a default, and an unknown one is an error.

mod reader;

mod contexts;
mod rollout;

use std::collections::BTreeSet;

use model::finding::{Class, Finding};
use model::name::{ClientName, Namespace};
use model::path::RelPath;
use model::yaml::{self, Dialect, Limits};
use package::images::{FieldPattern, FieldRule, ImageRules};
use package::policy::GroupKind;
use package::schema::Release;
use package::secret_refs::{VaultMount, VaultPath, VaultPathError};

use reader::Reader;

pub use contexts::{Context, Rank};
pub use rollout::Rollout;

/// The settings file, at the root.
pub const FILE: &str = "consign.yaml";

/// The Kubernetes version of a root that names none.
const DEFAULT_KUBERNETES: &str = "1.36";

/// How much a kustomization may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoadRestrictor {
    /// Files in or below its own directory, as kustomize has it.
    #[default]
    RootOnly,
    /// Whatever this client may read under the root.
    Repository,
}

/// Everything consign.yaml can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the clients are, from the root.
    pub clients: RelPath,
    /// Where packages go, from the root.
    pub packages: RelPath,
    /// Directories that no client's build reads, from the root.
    pub private: Vec<RelPath>,
    /// The namespace of a client; `{client}` stands for its name.
    pub namespace: String,
    /// The Kubernetes version objects are checked against.
    pub kubernetes: Release,
    /// Mirrors of registries, tried first.
    pub mirrors: Vec<(String, Vec<String>)>,
    /// Registries that are spoken to without TLS.
    pub plain_http: Vec<String>,
    /// Hosts that may give tokens for a registry though they are elsewhere.
    pub token_realms: Vec<(String, Vec<String>)>,
    /// How much a kustomization may read.
    pub load_restrictor: LoadRestrictor,
    /// Cluster-scoped kinds allowed beside the client's own Namespace.
    pub cluster_kinds: BTreeSet<GroupKind>,
    /// Which fields of custom resources hold images.
    pub images: ImageRules,
    /// Registries that images may come from; any when empty.
    pub allowed_registries: Vec<String>,
    /// Refuse a package from a changed git tree.
    pub require_clean: bool,
    /// The Vault path of a client; `{client}` stands for its name.
    pub vault_path: String,
    /// The mount of Vault's KV engine.
    pub vault_mount: VaultMount,
    /// The Secret that lives at the client's own Vault path.
    pub primary_secret: String,
    /// The contexts that are known.
    pub contexts: Vec<Context>,
    /// How clusters are brought to packages.
    pub rollout: Rollout,
}

impl Default for Settings {
    fn default() -> Self {
        let path = |text: &str| text.parse().unwrap_or_default();
        Self {
            clients: path("k8s/clients"),
            packages: path("packages"),
            private: vec![path("archive"), path("config")],
            namespace: "sh-{client}".to_owned(),
            kubernetes: Release::nearest(DEFAULT_KUBERNETES),
            mirrors: Vec::new(),
            plain_http: Vec::new(),
            token_realms: Vec::new(),
            load_restrictor: LoadRestrictor::default(),
            cluster_kinds: BTreeSet::new(),
            images: ImageRules::default(),
            allowed_registries: Vec::new(),
            require_clean: false,
            vault_path: "secret/clients/{client}".to_owned(),
            vault_mount: VaultMount::default(),
            primary_secret: "ge-secrets".to_owned(),
            contexts: Vec::new(),
            rollout: Rollout::default(),
        }
    }
}

/// Where a pattern of the settings wants the client's name.
const CLIENT: &str = "{client}";

impl Settings {
    /// Reads consign.yaml's text; all that is wrong at once.
    pub fn parse(text: &str) -> Result<Self, Vec<Finding>> {
        let unreadable = |e: yaml::YamlError| {
            vec![Finding::error("setting-invalid", Class::Usage, e.to_string()).at(FILE, e.line)]
        };
        let Some(node) = yaml::parse(text, Dialect::V3, &Limits::default()).map_err(unreadable)?
        else {
            return Ok(Self::default());
        };
        let Some(map) = node.as_map() else {
            return Err(vec![
                Finding::error(
                    "setting-invalid",
                    Class::Usage,
                    format!("the settings are {}, expected a map", node.describe()),
                )
                .at(FILE, node.at.line),
            ]);
        };
        let mut findings = Vec::new();
        let mut settings = Self::default();
        settings.read(Reader::new(FILE, map), &mut findings);
        if findings.is_empty() {
            Ok(settings)
        } else {
            Err(findings)
        }
    }

    fn read(&mut self, mut top: Reader<'_>, findings: &mut Vec<Finding>) {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        let path = |text: &str| text.parse::<RelPath>().map_err(|e| e.to_string());
        if let Some(mut paths) = top.section("paths", findings) {
            set(&mut self.clients, paths.parsed("clients", findings, path));
            set(&mut self.packages, paths.parsed("packages", findings, path));
            paths.finish(findings);
        }
        set(
            &mut self.namespace,
            top.parsed("namespace", findings, check_namespace),
        );
        set(
            &mut self.kubernetes,
            top.parsed("kubernetes", findings, check_kubernetes),
        );
        if let Some(mut registries) = top.section("registries", findings) {
            self.mirrors = registries.lists("mirrors", findings);
            self.plain_http = registries.list("plain-http", findings);
            self.token_realms = registries.lists("token-realms", findings);
            registries.finish(findings);
        }
        if let Some(mut render) = top.section("render", findings) {
            set(
                &mut self.load_restrictor,
                render.parsed("load-restrictor", findings, |s| match s {
                    "root-only" => Ok(LoadRestrictor::RootOnly),
                    "repository" => Ok(LoadRestrictor::Repository),
                    _ => Err("expected root-only or repository".to_owned()),
                }),
            );
            render.finish(findings);
        }
        if let Some(mut policy) = top.section("policy", findings) {
            self.cluster_kinds = policy
                .list("cluster-kinds", findings)
                .iter()
                .map(|text| group_kind(text))
                .collect();
            self.allowed_registries = policy.list("registries", findings);
            set(
                &mut self.require_clean,
                policy.flag("require-clean", findings),
            );
            policy.finish(findings);
        }
        if let Some(mut images) = top.section("images", findings) {
            self.images = ImageRules {
                include: images.sections("include", findings, field_rule),
                exclude: images.sections("exclude", findings, field_rule),
            };
            images.finish(findings);
        }
        if let Some(mut vault) = top.section("vault", findings) {
            set(
                &mut self.vault_path,
                vault.parsed("path", findings, check_vault_path),
            );
            set(
                &mut self.vault_mount,
                vault.parsed("mount", findings, |s| {
                    s.parse().map_err(|e: VaultPathError| e.to_string())
                }),
            );
            set(
                &mut self.primary_secret,
                vault.text("primary-secret", findings),
            );
            vault.finish(findings);
        }
        self.contexts = contexts::read(&mut top, findings);
        self.rollout.read(&mut top, findings);
        top.finish(findings);
    }

    /// The namespace of a client.
    pub fn namespace_of(&self, client: &ClientName) -> Result<Namespace, Finding> {
        let text = self.namespace.replace(CLIENT, client.as_str());
        text.parse().map_err(|e| {
            Finding::error(
                "namespace-invalid",
                Class::Usage,
                format!("the namespace of client {client} would be {text:?}: {e}"),
            )
            .in_file(FILE)
            .help("Shorten the client's name or the setting namespace")
        })
    }

    /// What is known of a context.
    pub fn context(&self, name: &str) -> Option<&Context> {
        self.contexts.iter().find(|context| context.name == name)
    }

    /// The Vault path of a client.
    pub fn vault_path_of(&self, client: &ClientName) -> String {
        self.vault_path.replace(CLIENT, client.as_str())
    }
}

/// `Kind` of the core API, or `Kind.group`.
fn group_kind(text: &str) -> GroupKind {
    let (kind, group) = text.split_once('.').unwrap_or((text, ""));
    GroupKind {
        group: group.to_owned(),
        kind: kind.to_owned(),
    }
}

fn field_rule(rule: &mut Reader<'_>, findings: &mut Vec<Finding>) -> Option<FieldRule> {
    let before = findings.len();
    let path = rule.parsed("path", findings, |s| {
        s.parse::<FieldPattern>().map_err(|e| e.to_string())
    });
    if path.is_none() && findings.len() == before {
        findings.push(rule.missing("path"));
    }
    Some(FieldRule {
        group: rule.text("group", findings),
        kind: rule.text("kind", findings),
        name: rule.text("name", findings),
        path: path?,
    })
}

fn check_namespace(text: &str) -> Result<String, String> {
    if !text.contains(CLIENT) {
        return Err(format!("it must hold {CLIENT}, so that clients stay apart"));
    }
    text.replace(CLIENT, "a")
        .parse::<Namespace>()
        .map_err(|e| e.to_string())?;
    Ok(text.to_owned())
}

fn check_kubernetes(text: &str) -> Result<Release, String> {
    Release::parse(text).map_err(|f| f.message)
}

fn check_vault_path(text: &str) -> Result<String, String> {
    if !text.contains(CLIENT) {
        return Err(format!("it must hold {CLIENT}, so that clients stay apart"));
    }
    text.replace(CLIENT, "a")
        .parse::<VaultPath>()
        .map_err(|e| e.to_string())?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_the_default() {
        assert_eq!(Settings::parse("").unwrap(), Settings::default());
        assert_eq!(
            Settings::parse("# only words\n").unwrap(),
            Settings::default()
        );
    }

    #[test]
    fn what_is_said_is_taken() {
        let s = Settings::parse(
            "namespace: prod-{client}\npaths:\n  packages: out/packages\nregistries:\n  mirrors:\n    docker.io: [mirror.example:5000]\n  plain-http: [registry.internal:5000]\npolicy:\n  require-clean: true\n  cluster-kinds: [PriorityClass.scheduling.k8s.io]\nimages:\n  include:\n    - {kind: Tool, path: spec.image}\n",
        )
        .unwrap();
        assert_eq!(s.packages.as_str(), "out/packages");
        assert_eq!(
            s.mirrors,
            [("docker.io".into(), vec!["mirror.example:5000".into()])]
        );
        assert!(s.require_clean);
        let kinds: Vec<_> = s
            .cluster_kinds
            .iter()
            .map(|k| (k.group.as_str(), k.kind.as_str()))
            .collect();
        assert_eq!(kinds, [("scheduling.k8s.io", "PriorityClass")]);
        assert_eq!(s.images.include[0].kind.as_deref(), Some("Tool"));
        let client = "acme".parse().unwrap();
        assert_eq!(s.namespace_of(&client).unwrap().as_str(), "prod-acme");
    }

    #[test]
    fn the_page_that_documents_them_is_read() {
        let page = include_str!("../../../../docs/settings.md");
        let example = page
            .split_once("```yaml\n")
            .and_then(|(_, rest)| rest.split_once("```"))
            .expect("the page shows the file")
            .0;
        let s = Settings::parse(example).unwrap();
        assert_eq!(s.kubernetes, Settings::default().kubernetes);
        assert!(!s.mirrors.is_empty() && !s.images.include.is_empty());
        assert_eq!(s.rollout.timeout, Rollout::default().timeout);
        assert!(!s.rollout.prune.is_empty());
        assert_eq!(s.contexts.len(), 2);
        assert_eq!(s.context("upcloud-prod").unwrap().rank, Rank::Primary);
        for (_, addresses) in &s.mirrors {
            for address in addresses {
                address.parse::<registry::address::Mirror>().unwrap();
            }
        }
    }

    #[test]
    fn contexts_and_rollout_are_taken() {
        let s = Settings::parse(
            "contexts:\n  prod: {cluster: 0b0c8ab4-6f1c-4d0e-a1f5-6a2c7a1d9e3f, primary: true}\n  no:\nrollout:\n  timeout: 1h30m\n  rollback-timeout: 90s\n  lease-ttl: 3s\n  fail-after-restarts: 1\n  prune: [Secret, CustomResourceDefinition.apiextensions.k8s.io]\n",
        )
        .unwrap();
        let prod = s.context("prod").unwrap();
        assert_eq!(
            prod.cluster.as_deref(),
            Some("0b0c8ab4-6f1c-4d0e-a1f5-6a2c7a1d9e3f")
        );
        let other = s.context("no").unwrap();
        assert_eq!((other.cluster.as_deref(), other.rank), (None, Rank::Other));
        assert_eq!(s.context("else"), None);
        assert_eq!(s.rollout.timeout.duration().as_secs(), 5400);
        assert_eq!(s.rollout.rollback_timeout.duration().as_secs(), 90);
        assert_eq!(s.rollout.lease_ttl.duration().as_secs(), 3);
        assert_eq!(s.rollout.fail_after_restarts, 1);
        let pruned: Vec<&str> = s.rollout.prune.iter().map(|k| k.kind.as_str()).collect();
        assert_eq!(pruned, ["Secret", "CustomResourceDefinition"]);
    }

    #[test]
    fn contexts_and_rollout_that_make_no_sense_are_refused() {
        for (text, why) in [
            ("contexts: [prod]", "setting contexts is"),
            ("contexts: {a: 1}", "expected a map of maps"),
            (
                "contexts: {a: {primary: true}, b: {primary: true}}",
                "only one context can be primary, not a, b",
            ),
            (
                "contexts: {a: {cluster: prod}}",
                "setting contexts.a.cluster is \"prod\": expected the cluster's id",
            ),
            ("contexts: {a: {uid: x}}", "unknown setting contexts.a.uid"),
            (
                "rollout: {timeout: 300}",
                "setting rollout.timeout is a number",
            ),
            ("rollout: {timeout: 0s}", "at least 1s"),
            ("rollout: {lease-ttl: 1s}", "from 3s to 10m"),
            ("rollout: {lease-ttl: 1h}", "from 3s to 10m"),
            (
                "rollout: {fail-after-restarts: 0}",
                "a whole number of at least 1",
            ),
            (
                "rollout: {fail-after-restarts: -1}",
                "a whole number of at least 1",
            ),
            (
                "rollout: {fail-after-restarts: '3'}",
                "a whole number of at least 1",
            ),
            (
                "rollout: {fail-after-restarts: 4294967296}",
                "a whole number of at least 1",
            ),
            (
                "rollout: {prune: [ConfigMap]}",
                "setting rollout.prune holds \"ConfigMap\": expected PersistentVolumeClaim, Secret",
            ),
            (
                "rollout: {prune: [Secret.apps]}",
                "setting rollout.prune holds",
            ),
            ("rollout: {prune: Secret}", "a list of strings"),
            ("rollout: {wait: 5m}", "unknown setting rollout.wait"),
        ] {
            let findings = Settings::parse(text).unwrap_err();
            assert!(
                findings[0].to_string().contains(why),
                "{text}: {findings:?}"
            );
        }
    }

    #[test]
    fn everything_wrong_is_said_with_its_line() {
        let findings = Settings::parse(
            "namepsace: x\nnamespace: fixed\nkubernetes: 1.36\npolicy:\n  require-clean: maybe\n  clusterKinds: []\n",
        )
        .unwrap_err();
        let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 5, "{said:#?}");
        assert!(
            said.iter()
                .any(|s| s.starts_with("consign.yaml:1: unknown setting namepsace"))
        );
        assert!(
            said.iter()
                .any(|s| s.starts_with("consign.yaml:2: setting namespace"))
        );
        assert!(
            said.iter()
                .any(|s| s.starts_with("consign.yaml:3: setting kubernetes is a number"))
        );
        assert!(said.iter().any(|s| s.contains("policy.require-clean")));
        assert!(
            said.iter()
                .any(|s| s.contains("unknown setting policy.clusterKinds"))
        );
        assert_eq!(
            findings.iter().find_map(|f| f.help.as_deref()),
            Some("Did you mean policy.cluster-kinds?")
        );
    }
}

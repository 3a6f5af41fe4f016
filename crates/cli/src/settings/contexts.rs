//! What the settings say of contexts: which cluster each must lead to.

use model::finding::{Class, Finding};

use super::FILE;
use super::reader::Reader;

/// A context of the kubeconfig that the settings know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The context's name.
    pub name: String,
    /// The cluster that it must lead to: the UID of that cluster's Namespace
    /// kube-system. Any when it is not said.
    pub cluster: Option<String>,
    /// Whether it is the one that the plain fields of config/clients.yaml
    /// follow.
    pub rank: Rank,
}

/// A context among several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rank {
    /// The plain fields of config/clients.yaml follow it.
    Primary,
    /// They do not.
    #[default]
    Other,
}

/// Reads `contexts`.
pub(super) fn read(top: &mut Reader<'_>, findings: &mut Vec<Finding>) -> Vec<Context> {
    let contexts = top.named("contexts", findings, |context, findings| Context {
        name: context.name().to_owned(),
        cluster: context.parsed("cluster", findings, check_uid),
        rank: match context.flag("primary", findings) {
            Some(true) => Rank::Primary,
            _ => Rank::Other,
        },
    });
    let primary: Vec<&str> = contexts
        .iter()
        .filter(|context| context.rank == Rank::Primary)
        .map(|context| context.name.as_str())
        .collect();
    if primary.len() > 1 {
        let why = format!(
            "only one context can be primary, not {}",
            primary.join(", ")
        );
        findings.push(Finding::error("setting-invalid", Class::Usage, why).in_file(FILE));
    }
    contexts
}

/// Kubernetes makes every UID a UUID in lower case.
fn check_uid(text: &str) -> Result<String, String> {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let groups: Vec<&str> = text.split('-').collect();
    let is_uid = groups.len() == GROUPS.len()
        && groups.iter().zip(GROUPS).all(|(group, length)| {
            group.len() == length
                && group
                    .bytes()
                    .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
    if is_uid {
        Ok(text.to_owned())
    } else {
        Err(
            "expected the cluster's id, as printed by: kubectl get namespace kube-system -o jsonpath={.metadata.uid}"
                .to_owned(),
        )
    }
}

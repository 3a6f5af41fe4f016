//! What the settings say of rollouts.

use std::collections::BTreeSet;

use model::finding::Finding;
use package::policy::GroupKind;

use super::reader::Reader;
use crate::span::Span;

/// How clusters are brought to packages, where no flag says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// How long a deployment may take in all.
    pub timeout: Span,
    /// How long the rollback of a failed one may take.
    pub rollback_timeout: Span,
    /// A container of the new version that restarted this often has failed.
    pub fail_after_restarts: u32,
    /// How long a holder of the Lease that went silent keeps others out.
    pub lease_ttl: Span,
    /// Kinds that are pruned although they hold data or secrets.
    pub prune: BTreeSet<GroupKind>,
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            timeout: Span::seconds(5 * 60),
            rollback_timeout: Span::seconds(5 * 60),
            fail_after_restarts: 3,
            lease_ttl: Span::seconds(60),
            prune: BTreeSet::new(),
        }
    }
}

/// Below this a slow API server costs a holder its Lease.
const LEASE_TTL_MIN: Span = Span::seconds(3);

/// Above this a crash keeps everyone out for too long.
const LEASE_TTL_MAX: Span = Span::seconds(10 * 60);

/// The kinds that are never pruned unless the settings say so: kind and group.
const KEPT: [(&str, &str); 4] = [
    ("PersistentVolumeClaim", ""),
    ("Secret", ""),
    ("CustomResourceDefinition", "apiextensions.k8s.io"),
    ("Namespace", ""),
];

impl Rollout {
    /// Reads `rollout`.
    pub(super) fn read(&mut self, top: &mut Reader<'_>, findings: &mut Vec<Finding>) {
        let Some(mut section) = top.section("rollout", findings) else {
            return;
        };
        let mut span = |key, place: &mut Span, check: fn(Span) -> Result<Span, String>| {
            let parse = |text: &str| text.parse().map_err(|e| format!("{e}")).and_then(check);
            if let Some(span) = section.parsed(key, findings, parse) {
                *place = span;
            }
        };
        span("timeout", &mut self.timeout, Ok);
        span("rollback-timeout", &mut self.rollback_timeout, Ok);
        span("lease-ttl", &mut self.lease_ttl, check_lease_ttl);
        if let Some(restarts) = section.number("fail-after-restarts", findings, 1) {
            self.fail_after_restarts = restarts;
        }
        if let Some(kinds) = section.parsed_list("prune", findings, kept) {
            self.prune = kinds.into_iter().collect();
        }
        section.finish(findings);
    }
}

fn check_lease_ttl(ttl: Span) -> Result<Span, String> {
    if (LEASE_TTL_MIN..=LEASE_TTL_MAX).contains(&ttl) {
        Ok(ttl)
    } else {
        Err(format!(
            "it must be from {LEASE_TTL_MIN} to {LEASE_TTL_MAX}"
        ))
    }
}

/// One of [`KEPT`], by its kind, or by kind and group.
fn kept(text: &str) -> Result<GroupKind, String> {
    let (kind, group) = match text.split_once('.') {
        Some((kind, group)) => (kind, Some(group)),
        None => (text, None),
    };
    let known = KEPT
        .iter()
        .find(|known| known.0 == kind && group.is_none_or(|group| group == known.1));
    match known {
        Some((kind, group)) => Ok(GroupKind {
            group: (*group).to_owned(),
            kind: (*kind).to_owned(),
        }),
        None => Err(format!(
            "expected {}; every other kind is pruned in any case",
            KEPT.map(|(kind, _)| kind).join(", ")
        )),
    }
}

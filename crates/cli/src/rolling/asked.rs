//! What flags and settings ask of a run.

use std::collections::BTreeSet;

use rollout::draft::{Adopt, Choices};
use rollout::health::Check;
use rollout::order::Reference;
use rollout::plan;
use rollout::run::{OnFailure, Orders, Who};
use rollout::stages::{Pace, Waiting};

use super::{Rolling, TOOL, holder};
use crate::args::cluster;
use crate::settings::Settings;

impl Rolling<'_> {
    pub(super) fn rules(&self, settings: &Settings) -> plan::Rules {
        let adopt = if self.flags.adopt_all {
            Adopt::All
        } else {
            Adopt::Named(
                self.flags
                    .adopt
                    .iter()
                    .map(|a| Reference {
                        kind: a.kind.to_ascii_lowercase(),
                        group: a.group.clone(),
                        name: a.name.clone(),
                    })
                    .collect(),
            )
        };
        plan::Rules {
            choices: Choices {
                take_over: self.flags.take_over.clone(),
                adopt,
            },
            prune_kinds: settings
                .rollout
                .prune
                .iter()
                .map(|k| k.kind.clone())
                .collect(),
            ..plan::Rules::default()
        }
    }

    pub(super) fn skipped_checks(&self) -> BTreeSet<Check> {
        self.flags
            .skip_check
            .iter()
            .map(|check| match check {
                cluster::Check::Nodes => Check::Nodes,
                cluster::Check::Images => Check::Images,
                cluster::Check::Quota => Check::Quota,
                cluster::Check::Secrets => Check::Secrets,
            })
            .collect()
    }

    pub(super) fn orders(&self, settings: &Settings, on_failure: OnFailure) -> Orders {
        let change = &self.flags.change;
        let mut skipped: Vec<String> = self
            .flags
            .skip_check
            .iter()
            .map(|check| format!("{check:?}").to_lowercase())
            .collect();
        if self.flags.skip_verify {
            skipped.push("verify".to_owned());
        }
        Orders {
            act: self.act,
            reason: change.reason.clone().unwrap_or_default(),
            skipped,
            pace: Pace {
                timeout: change
                    .timeout
                    .unwrap_or(settings.rollout.timeout)
                    .duration(),
                fail_after_restarts: self
                    .flags
                    .fail_after_restarts
                    .unwrap_or(settings.rollout.fail_after_restarts),
                waiting: if change.no_wait {
                    Waiting::None
                } else {
                    Waiting::Serve
                },
            },
            rollback_timeout: settings.rollout.rollback_timeout.duration(),
            ttl: settings.rollout.lease_ttl.duration(),
            on_failure,
        }
    }

    pub(super) fn who(&self) -> Who {
        Who {
            me: holder(self.environment),
            tool: TOOL.to_owned(),
        }
    }
}

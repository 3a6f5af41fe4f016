//! What is said of runs that end early.

use std::collections::BTreeMap;

use model::finding::{Class, Finding};

use super::RunError;
use crate::apply;
use crate::object::ObjectId;
use crate::stages::Stages;

/// The end of a run that has no Lease, for this reason or because it was
/// asked to stop, which is without a reason. A Namespace may be there by now.
pub(super) fn not_begun(
    why: Vec<Finding>,
    applied: &BTreeMap<ObjectId, apply::Applied>,
) -> RunError {
    let stays = applied.keys().map(|id| {
        Finding::info(
            "stays",
            Class::Cluster,
            format!("{id} was applied and stays"),
        )
    });
    if !why.is_empty() {
        RunError::Refused(why.into_iter().chain(stays).collect())
    } else if applied.is_empty() {
        RunError::Stopped
    } else {
        RunError::Interrupted {
            progress: stays.collect(),
        }
    }
}

pub(super) fn changed(why: &str) -> Finding {
    Finding::error(
        "changed-meanwhile",
        Class::Conflict,
        format!("The plan is out of date: {why}"),
    )
    .help("Run it again and look at the new plan")
}

/// The first error, for the history.
pub(super) fn first_words(findings: &[Finding]) -> String {
    findings
        .iter()
        .find(|f| f.is_error())
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// What became of each object of a run that ended early.
pub(super) fn progress(stages: &Stages<'_>) -> Vec<Finding> {
    let mut applied = Vec::new();
    let mut unknown = Vec::new();
    let mut left = Vec::new();
    for step in &stages.plan.steps {
        let list = if stages.applied.contains_key(&step.id) {
            &mut applied
        } else if stages.doubtful.contains(&step.id) {
            &mut unknown
        } else {
            &mut left
        };
        list.push(step.id.to_string());
    }
    [
        ("Applied", applied),
        ("Not applied", left),
        ("Not known", unknown),
    ]
    .into_iter()
    .map(|(what, list)| {
        let list = if list.is_empty() {
            "none".to_owned()
        } else {
            list.join(", ")
        };
        Finding::info("progress", Class::Cluster, format!("{what}: {list}"))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::Done;

    #[test]
    fn a_run_that_does_not_begin_names_the_namespace_that_it_made() {
        let id = ObjectId::of(&serde_json::json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "sh-a"},
        }));
        let applied = apply::Applied {
            id: id.clone(),
            done: Done::Created,
            uid: "1".to_owned(),
        };
        let made = BTreeMap::from([(id, applied)]);
        let told = |findings: Vec<Finding>| {
            findings
                .iter()
                .map(|f| f.code.to_owned())
                .collect::<Vec<_>>()
        };
        let RunError::Refused(findings) = not_begun(vec![changed("why")], &made) else {
            panic!("it is refused");
        };
        assert_eq!(told(findings), ["changed-meanwhile", "stays"]);
        let RunError::Interrupted { progress } = not_begun(Vec::new(), &made) else {
            panic!("something was written");
        };
        assert_eq!(told(progress), ["stays"]);
        assert!(matches!(
            not_begun(Vec::new(), &BTreeMap::new()),
            RunError::Stopped
        ));
    }
}

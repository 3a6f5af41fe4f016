//! What an undeploy would remove, and what speaks against it. Nothing is
//! written.

use std::collections::{BTreeMap, BTreeSet};

use model::finding::{Class, Finding};
use model::name::{ClientName, Namespace};
use model::object::Gvk;
use serde_json::Value;

use super::{Claim, Going, Parting, PartingState, Staying, Undeployment};
use crate::access::Permission;
use crate::api::{Api, Call, METADATA_LIST};
use crate::asks;
use crate::connect::Connection;
use crate::discovery::{Discovery, Scope};
use crate::fields;
use crate::health;
use crate::look;
use crate::object::{ObjectId, annotation, items, label, text, uid};
use crate::order;
use crate::record::{InventoryItem, LABEL_CLIENT, Outcome, Record};
use crate::records;
use crate::stages;

/// What becomes of the claims of volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// They go.
    Remove,
    /// They stay.
    Keep,
}

/// What becomes of the Namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Stay,
    /// It is deleted at last, with all that is in it.
    Delete,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Whose.
    pub client: &'a ClientName,
    /// Where.
    pub namespace: &'a Namespace,
    /// What becomes of data.
    pub data: Data,
    /// What becomes of the Namespace.
    pub fate: Fate,
    /// The cluster that this context should lead to: the UID of its Namespace
    /// kube-system.
    pub expected_cluster: Option<&'a str>,
}

/// Finds out what would be done; all that speaks against it at once.
pub async fn survey(
    connection: &Connection,
    question: &Question<'_>,
) -> Result<Undeployment, Vec<Finding>> {
    let api = &connection.api;
    let (client, space) = (question.client, question.namespace.as_str());
    let unreachable = |e| vec![health::unreachable(connection, &e)];
    let discovery = Discovery::read(api).await.map_err(unreachable)?;
    let mut findings = vitals(connection, question).await;
    let own = match super::namespace(api, question.namespace).await {
        // Who may not look at it may still work in it.
        Err(e) if e.is_forbidden() => None,
        other => other.map_err(unreachable)?,
    };
    let headings = records::headings(api, client, space).await?;
    let found = records::relevant(api, client, space, &headings).await?;
    let mut plan = Undeployment {
        newest: headings.last().map_or(0, |h| h.number),
        active: found
            .iter()
            .rfind(|r| r.document.outcome == Outcome::Active)
            .map(|r| r.document.clone()),
        last: found.last().map(|r| r.document.clone()),
        headings,
        going: Vec::new(),
        waves: Vec::new(),
        staying: Vec::new(),
        claims: Vec::new(),
        namespace: None,
        warnings: Vec::new(),
        discovery,
    };
    let listed = inventory(&found);
    let names: Vec<(Gvk, ObjectId)> = listed
        .iter()
        .map(|item| (Gvk::new(&item.api_version, &item.kind), item.id()))
        .collect();
    let seen = look::look(api, &plan.discovery, &names).await;
    findings.extend(seen.unreadable.iter().map(|(id, why)| {
        Finding::error(
            "cluster-unreadable",
            Class::Cluster,
            format!("Cannot read {id}: {why}"),
        )
        .help("See: kubectl auth can-i get, and kubectl cluster-info")
    }));
    sort(&mut plan, &listed, &seen.objects, question);
    spare_definitions(api, &mut plan).await;
    claims(api, &mut plan, &seen.objects, question, &mut findings).await;
    let ordered: Vec<order::Item> = plan.going.iter().map(|g| g.order.clone()).collect();
    plan.waves = order::removal_order(&ordered);
    fate(api, &mut plan, own.as_ref(), question, &mut findings).await;
    if !plan.is_done() {
        findings.extend(lacking(api, &plan, space).await);
    }
    let (errors, warnings): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(Finding::is_error);
    plan.warnings.extend(warnings);
    if errors.is_empty() {
        Ok(plan)
    } else {
        Err(errors)
    }
}

/// Whether this is the cluster that was meant, and it answers.
async fn vitals(connection: &Connection, question: &Question<'_>) -> Vec<Finding> {
    let api = &connection.api;
    let (ready, system) = (
        Call::get("/readyz"),
        Call::get("/api/v1/namespaces/kube-system"),
    );
    let (ready, system) = tokio::join!(api.send(&ready), api.send(&system));
    let cluster = system.map(|s| uid(&s).to_owned());
    let vitals = health::Vitals {
        version: "",
        ready: &ready,
        cluster: &cluster,
        nodes: &Ok(Value::Null),
        namespace: None,
    };
    let expected = health::Expected {
        context: &connection.context,
        cluster: question.expected_cluster,
        kubernetes: None,
        nodes: health::Nodes::Ignored,
    };
    health::judge(&vitals, &expected)
}

/// What the records name, each object once, as the newest of them says.
fn inventory(records: &[Record]) -> Vec<InventoryItem> {
    let mut listed: Vec<InventoryItem> = Vec::new();
    let mut at: BTreeMap<ObjectId, usize> = BTreeMap::new();
    for item in records.iter().rev().flat_map(|r| &r.document.inventory) {
        match at.get(&item.id()) {
            None => {
                at.insert(item.id(), listed.len());
                listed.push(item.clone());
            }
            // What was only intended has the UID of the record before.
            Some(known) if listed[*known].uid.is_empty() => {
                listed[*known].uid.clone_from(&item.uid);
            }
            Some(_) => {}
        }
    }
    listed
}

/// What goes and what stays.
fn sort(
    plan: &mut Undeployment,
    listed: &[InventoryItem],
    objects: &BTreeMap<ObjectId, Value>,
    question: &Question<'_>,
) {
    for item in listed {
        let id = item.id();
        let Some(object) = objects.get(&id) else {
            continue;
        };
        let recorded = item.uid.as_str();
        let item = InventoryItem {
            uid: uid(object).to_owned(),
            ..item.clone()
        };
        match stays(&item, recorded, object, question) {
            Some((why, claim)) => plan.staying.push(Staying { item, why, claim }),
            None => plan.going.push(Going {
                order: order::Item::of(object).unwrap_or_else(|_| stages::item_of(&item)),
                item,
            }),
        }
    }
}

/// Why an object stays, if it does. `recorded` is the UID that the records
/// name, where they do.
fn stays(
    item: &InventoryItem,
    recorded: &str,
    object: &Value,
    question: &Question<'_>,
) -> Option<(String, Claim)> {
    let id = item.id();
    if id.is_namespace() {
        let why = "Namespaces are not removed with what is in them".to_owned();
        return Some((why, Claim::Ours));
    }
    if !recorded.is_empty() && recorded != item.uid {
        return Some(("another object bears its name".to_owned(), Claim::Others));
    }
    if !fields::is_managed(object) {
        let managers = fields::strangers(object).join(", ");
        return Some((
            format!("it is no longer consign's, but managed by {managers}"),
            Claim::Others,
        ));
    }
    if annotation(object, asks::PRUNE) == Some("keep") {
        return Some((format!("annotation {} says so", asks::PRUNE), Claim::Ours));
    }
    if question.data == Data::Keep && id.is("", "PersistentVolumeClaim") {
        return Some(("its data is kept".to_owned(), Claim::Ours));
    }
    None
}

/// A definition stays while there are objects of it that do not go: they would
/// go with it.
async fn spare_definitions(api: &Api, plan: &mut Undeployment) {
    let going: BTreeSet<String> = plan.going.iter().map(|g| g.item.uid.clone()).collect();
    let mut kept = Vec::new();
    for (at, leaving) in plan.going.iter().enumerate() {
        let Some((group, kind)) = &leaving.order.defines else {
            continue;
        };
        let Some(resource) = plan.discovery.any(&ObjectId {
            group: group.clone(),
            kind: kind.clone(),
            namespace: String::new(),
            name: String::new(),
        }) else {
            continue;
        };
        let (version, plural) = (&resource.gvk.version, &resource.plural);
        let target = format!("/apis/{group}/{version}/{plural}");
        let why = match api.send(&Call::get(target).accept(METADATA_LIST)).await {
            Ok(list) => {
                let others = items(&list, "/items")
                    .iter()
                    .filter(|o| !going.contains(uid(o)))
                    .count();
                (others > 0).then(|| format!("{others} objects of it would go with it"))
            }
            Err(e) => Some(format!("whether others use it is not known: {e}")),
        };
        kept.extend(why.map(|why| (at, why)));
    }
    for (at, why) in kept.into_iter().rev() {
        let item = plan.going.remove(at).item;
        let claim = Claim::Ours;
        plan.staying.push(Staying { item, why, claim });
    }
}

/// Claims that `StatefulSets` made, which no package names.
async fn claims(
    api: &Api,
    plan: &mut Undeployment,
    objects: &BTreeMap<ObjectId, Value>,
    question: &Question<'_>,
    findings: &mut Vec<Finding>,
) {
    let sets: Vec<&Value> = plan
        .going
        .iter()
        .map(|g| g.item.id())
        .filter(|id| id.is("apps", "StatefulSet"))
        .filter_map(|id| objects.get(&id))
        .filter(|set| !items(set, "/spec/volumeClaimTemplates").is_empty())
        .collect();
    if sets.is_empty() {
        return;
    }
    let (taking, leaving): (Vec<&Value>, Vec<&Value>) = sets.into_iter().partition(|set| {
        text(
            set,
            "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted",
        ) == "Delete"
    });
    if question.data == Data::Keep {
        for set in taking {
            findings.push(
                Finding::error(
                    "data-not-kept",
                    Class::Policy,
                    format!("{} deletes its claims when it is deleted", ObjectId::of(set)),
                )
                .help("Set its .spec.persistentVolumeClaimRetentionPolicy.whenDeleted to Retain first, or leave --keep-data out"),
            );
        }
    }
    let target = format!(
        "/api/v1/namespaces/{}/persistentvolumeclaims",
        question.namespace
    );
    // Who may not list them is not told of them.
    let Ok(list) = api.send(&Call::get(target).accept(METADATA_LIST)).await else {
        return;
    };
    plan.claims = items(&list, "/items")
        .iter()
        .map(|claim| text(claim, "/metadata/name"))
        .filter(|name| leaving.iter().any(|set| is_made_by(name, set)))
        .map(str::to_owned)
        .collect();
}

/// Whether a claim is named as those of a `StatefulSet`:
/// `<template>-<set>-<ordinal>`.
fn is_made_by(claim: &str, set: &Value) -> bool {
    let name = text(set, "/metadata/name");
    items(set, "/spec/volumeClaimTemplates")
        .iter()
        .any(|template| {
            claim
                .strip_prefix(text(template, "/metadata/name"))
                .and_then(|rest| rest.strip_prefix('-'))
                .and_then(|rest| rest.strip_prefix(name))
                .and_then(|rest| rest.strip_prefix('-'))
                .is_some_and(|ordinal| {
                    !ordinal.is_empty() && ordinal.bytes().all(|b| b.is_ascii_digit())
                })
        })
}

/// Whether the Namespace may go, where that is asked for.
async fn fate(
    api: &Api,
    plan: &mut Undeployment,
    own: Option<&Value>,
    question: &Question<'_>,
    findings: &mut Vec<Finding>,
) {
    let name = question.namespace;
    let leaving = own.is_some_and(|o| text(o, "/status/phase") == "Terminating");
    if question.fate == Fate::Stay {
        if leaving && !plan.is_done() {
            findings.push(
                Finding::error(
                    "namespace-terminating",
                    Class::Cluster,
                    format!("Namespace {name} is being deleted"),
                )
                .help("Wait until it is gone; kubectl get namespace shows what holds it"),
            );
        }
        return;
    }
    let Some(own) = own else {
        return;
    };
    if leaving {
        // Nothing can be written in it any more; it takes everything along.
        plan.going.clear();
        plan.waves.clear();
        plan.active = None;
        plan.last = None;
        plan.namespace = Some(Parting {
            uid: uid(own).to_owned(),
            state: PartingState::Begun,
        });
        return;
    }
    if plan.newest == 0 && fields::ours(own).is_none() {
        findings.push(
            Finding::error(
                "namespace-foreign",
                Class::Policy,
                format!("Namespace {name} is not consign's, and nothing was ever deployed to it"),
            )
            .help(format!("Delete it with: kubectl delete namespace {name}")),
        );
        return;
    }
    match is_alone(api, question.client, name).await {
        Ok(()) => {
            plan.namespace = Some(Parting {
                uid: uid(own).to_owned(),
                state: PartingState::Ahead,
            });
        }
        Err(finding) => findings.push(finding),
    }
}

/// Whether no other client has records in the namespace.
pub(super) async fn is_alone(
    api: &Api,
    client: &ClientName,
    namespace: &Namespace,
) -> Result<(), Finding> {
    let target = format!(
        "/api/v1/namespaces/{namespace}/configmaps?labelSelector=app.kubernetes.io/managed-by%3Dconsign"
    );
    let list = api
        .send(&Call::get(target).accept(METADATA_LIST))
        .await
        .map_err(|e| {
            Finding::error(
                "records-unreadable",
                Class::Cluster,
                format!("Cannot read the release records: {e}"),
            )
        })?;
    let others: BTreeSet<&str> = items(&list, "/items")
        .iter()
        .filter_map(|map| label(map, LABEL_CLIENT))
        .filter(|other| *other != client.as_str())
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    let others: Vec<&str> = others.into_iter().collect();
    Err(Finding::error(
        "namespace-shared",
        Class::Policy,
        format!(
            "Namespace {namespace} has releases of {} too",
            others.join(", ")
        ),
    )
    .help("Leave --delete-namespace out"))
}

/// What this user may not do of what would be done.
async fn lacking(api: &Api, plan: &Undeployment, namespace: &str) -> Vec<Finding> {
    let mut wanted = BTreeSet::new();
    let mut add = |verbs: &[&'static str], group: &str, resource: &str, namespace: &str| {
        for verb in verbs {
            wanted.insert(Permission {
                verb,
                group: group.to_owned(),
                resource: resource.to_owned(),
                namespace: namespace.to_owned(),
                name: String::new(),
            });
        }
    };
    for going in &plan.going {
        let id = going.item.id();
        let gvk = Gvk::new(&going.item.api_version, &going.item.kind);
        if let Some(resource) = plan
            .discovery
            .find(&gvk)
            .or_else(|| plan.discovery.any(&id))
        {
            let scope = match resource.scope {
                Scope::Namespaced => id.namespace.as_str(),
                Scope::Cluster => "",
            };
            add(&["get", "delete"], &id.group, &resource.plural, scope);
        }
    }
    if plan.is_recorded() {
        add(
            &["get", "list", "create", "patch", "delete"],
            "",
            "configmaps",
            namespace,
        );
    }
    if plan.is_held() {
        add(
            &["get", "create", "update"],
            "coordination.k8s.io",
            "leases",
            namespace,
        );
    }
    if plan.namespace.is_some() {
        add(&["delete"], "", "namespaces", namespace);
    }
    crate::read::reviewed(api, wanted).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Act, Document, Held};
    use serde_json::json;

    fn item(kind: &str, name: &str, uid: &str) -> InventoryItem {
        InventoryItem {
            api_version: "v1".into(),
            kind: kind.into(),
            namespace: "sh-acme".into(),
            name: name.into(),
            uid: uid.into(),
            held: Held::Wanted,
        }
    }

    fn record(number: u64, inventory: Vec<InventoryItem>) -> Record {
        Record {
            number,
            uid: String::new(),
            created: None,
            document: Document {
                schema: 1,
                client: "acme".into(),
                version: format!("v1.{number}.0"),
                digest: String::new(),
                commit: String::new(),
                by: String::new(),
                host: String::new(),
                tool: String::new(),
                holder: String::new(),
                act: Act::Deploy,
                from: None,
                started: String::new(),
                ended: None,
                reason: String::new(),
                outcome: Outcome::Active,
                skipped: Vec::new(),
                run: String::new(),
                inventory,
                secrets: Vec::new(),
            },
            package: None,
        }
    }

    fn object(uid: &str, manager: &str, annotations: &Value) -> Value {
        json!({"metadata": {"uid": uid, "annotations": annotations,
            "managedFields": [{"manager": manager, "operation": "Apply", "fieldsV1": {}}]}})
    }

    #[test]
    fn an_object_is_listed_once_with_the_uid_that_is_known() {
        let listed = inventory(&[
            record(1, vec![item("Secret", "a", "1"), item("Secret", "b", "2")]),
            record(2, vec![item("Secret", "a", ""), item("Secret", "c", "")]),
        ]);
        let told: Vec<(&str, &str)> = listed
            .iter()
            .map(|i| (i.name.as_str(), i.uid.as_str()))
            .collect();
        assert_eq!(told, [("a", "1"), ("c", ""), ("b", "2")]);
    }

    #[test]
    fn what_is_not_ours_or_is_to_be_kept_stays() {
        let (client, namespace) = ("acme".parse().unwrap(), "sh-acme".parse().unwrap());
        let question = Question {
            client: &client,
            namespace: &namespace,
            data: Data::Keep,
            fate: Fate::Stay,
            expected_cluster: None,
        };
        let none = json!({});
        let stays = |kind: &str, recorded: &str, object: &Value, question: &Question<'_>| {
            stays(&item(kind, "x", uid(object)), recorded, object, question).map(|(_, claim)| claim)
        };
        let ours = object("1", fields::MANAGER, &none);
        assert_eq!(stays("ConfigMap", "1", &ours, &question), None);
        assert_eq!(stays("ConfigMap", "", &ours, &question), None);
        assert_eq!(
            stays("ConfigMap", "2", &ours, &question),
            Some(Claim::Others)
        );
        assert_eq!(
            stays("ConfigMap", "1", &object("1", "helm", &none), &question),
            Some(Claim::Others)
        );
        let kept = object("1", fields::MANAGER, &json!({asks::PRUNE: "keep"}));
        assert_eq!(stays("ConfigMap", "1", &kept, &question), Some(Claim::Ours));
        assert_eq!(stays("Namespace", "1", &ours, &question), Some(Claim::Ours));
        assert_eq!(
            stays("PersistentVolumeClaim", "1", &ours, &question),
            Some(Claim::Ours)
        );
        let all = Question {
            data: Data::Remove,
            ..question
        };
        assert_eq!(stays("PersistentVolumeClaim", "1", &ours, &all), None);
    }

    #[test]
    fn claims_are_told_by_the_name_of_their_set() {
        let set = json!({"metadata": {"name": "db"}, "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}});
        assert!(is_made_by("data-db-0", &set) && is_made_by("data-db-12", &set));
        for other in [
            "data-db",
            "data-db-",
            "data-db-x",
            "data-db-a-0",
            "log-db-0",
        ] {
            assert!(!is_made_by(other, &set), "{other}");
        }
    }
}

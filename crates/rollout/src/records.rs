//! The door to the release records.

use futures_util::stream::{self, StreamExt as _};
use model::finding::{Class, Finding};
use model::name::{ClientName, Namespace};
use serde_json::{Value, json};

use crate::api::{Api, ApiError, CONNECTIONS, Call, METADATA, METADATA_LIST};
use crate::fields::MANAGER;
use crate::object::{items, resource_version, uid};
use crate::record::{
    self, Heading, Holds, KEPT, LABEL_CLIENT, LABEL_OUTCOME, Outcome, PACKAGES_KEPT, Record,
};

/// How often a record is written that others change at the same moment.
const ATTEMPTS: u32 = 5;

fn collection(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps")
}

fn unreadable(why: &str) -> Vec<Finding> {
    vec![
        Finding::error(
            "records-unreadable",
            Class::Cluster,
            format!("Cannot read the release records: {why}"),
        )
        .help("See: kubectl get configmaps -l app.kubernetes.io/managed-by=consign"),
    ]
}

/// The labels of every record of a client, oldest first.
pub async fn headings(
    api: &Api,
    client: &ClientName,
    namespace: &str,
) -> Result<Vec<Heading>, Vec<Finding>> {
    let target = format!(
        "{}?labelSelector={LABEL_CLIENT}%3D{client}",
        collection(namespace)
    );
    let list = api
        .send(&Call::get(target).accept(METADATA_LIST))
        .await
        .map_err(|e| unreadable(&e.to_string()))?;
    let mut headings: Vec<Heading> = items(&list, "/items")
        .iter()
        .filter_map(|item| Heading::read(client, item))
        .collect();
    headings.sort_by_key(|h| h.number);
    Ok(headings)
}

/// One record, whole.
pub async fn one(
    api: &Api,
    client: &ClientName,
    namespace: &str,
    number: u64,
) -> Result<Record, Vec<Finding>> {
    let name = record::name(client, number);
    let target = format!("{}/{name}", collection(namespace));
    let map = api
        .send(&Call::get(target))
        .await
        .map_err(|e| unreadable(&format!("{name}: {e}")))?;
    Record::read(client, &map).map_err(|e| unreadable(&format!("{name}: {e}")))
}

/// Several records, whole, in the order asked for.
pub async fn several(
    api: &Api,
    client: &ClientName,
    namespace: &str,
    numbers: &[u64],
) -> Result<Vec<Record>, Vec<Finding>> {
    let read: Vec<_> = stream::iter(numbers)
        .map(|number| one(api, client, namespace, *number))
        .buffered(CONNECTIONS)
        .collect()
        .await;
    let mut records = Vec::new();
    let mut findings = Vec::new();
    for result in read {
        match result {
            Ok(record) => records.push(record),
            Err(wrong) => findings.extend(wrong),
        }
    }
    if findings.is_empty() {
        Ok(records)
    } else {
        Err(findings)
    }
}

/// The records that tell what is there: the newest active one and all after
/// it; all of them when none is active. deploy.sh removes nothing and does not
/// know what there was before: where it made the active one, those before
/// belong to it, back to one that consign made.
pub async fn relevant(
    api: &Api,
    client: &ClientName,
    namespace: &str,
    headings: &[Heading],
) -> Result<Vec<Record>, Vec<Finding>> {
    let from = headings
        .iter()
        .rposition(|h| h.outcome == Outcome::Active)
        .unwrap_or(0);
    let (before, now) = headings.split_at(from);
    let numbers: Vec<u64> = now.iter().map(|h| h.number).collect();
    let mut records = several(api, client, namespace, &numbers).await?;
    let mut before = before.iter().rev();
    while records.first().is_some_and(leaves_open_what_was_before)
        && let Some(heading) = before.next()
    {
        records.insert(0, one(api, client, namespace, heading.number).await?);
    }
    Ok(records)
}

/// Whether objects of releases before this one may be there that it does not
/// name.
fn leaves_open_what_was_before(record: &Record) -> bool {
    let document = &record.document;
    let is_settled = document.outcome.was_good() || document.outcome == Outcome::Removed;
    document.tool == record::SCRIPT || !is_settled
}

/// Writes a new record. Another one of that number is somebody else's run.
pub async fn create(
    api: &Api,
    client: &ClientName,
    namespace: &Namespace,
    record: &Record,
) -> Result<Value, ApiError> {
    let space = namespace.as_str();
    let call = Call::post(
        format!("{}?fieldManager={MANAGER}", collection(space)),
        &record.print(client, namespace),
    );
    let path = format!(
        "{}/{}",
        collection(space),
        record::name(client, record.number)
    );
    let mine = || async {
        match api.send(&Call::get(path.as_str())).await {
            Ok(map) => {
                Ok(Record::read(client, &map).is_ok_and(|r| r.document.run == record.document.run))
            }
            Err(e) if e.is_missing() => Ok(false),
            Err(e) => Err(e),
        }
    };
    match api.settle(&call, mine).await? {
        Some(map) => Ok(map),
        None => api.send(&Call::get(path.as_str())).await,
    }
}

/// Writes a record anew: its document, its labels and, where it has none, no
/// package. It has to be the very one that this run made; one that another run
/// has taken for cut off stays as that left it.
pub async fn update(
    api: &Api,
    client: &ClientName,
    namespace: &Namespace,
    record: &Record,
) -> Result<(), ApiError> {
    let mut body = record.print(client, namespace);
    if let Some(metadata) = body["metadata"].as_object_mut() {
        metadata.remove("name");
        metadata.remove("namespace");
    }
    record::forget_other_form(&mut body);
    let path = format!(
        "{}/{}",
        collection(namespace.as_str()),
        record::name(client, record.number)
    );
    let same = || async {
        let map = api.send(&Call::get(path.as_str())).await?;
        Ok(Record::read(client, &map).is_ok_and(|r| r.document == record.document))
    };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let there = api.send(&Call::get(path.as_str()).accept(METADATA)).await?;
        let taken = record.document.outcome != Outcome::Unknown
            && Heading::read(client, &there).is_some_and(|h| h.outcome == Outcome::Unknown);
        if taken || uid(&there) != record.uid {
            return Err(ApiError::Fenced);
        }
        body["metadata"]["uid"] = Value::from(record.uid.clone());
        body["metadata"]["resourceVersion"] = Value::from(resource_version(&there));
        let call = Call::merge_patch(format!("{path}?fieldManager={MANAGER}"), &body);
        match api.settle(&call, same).await {
            Err(e) if e.is_conflict() && attempt < ATTEMPTS => {}
            other => return other.map(|_| ()),
        }
    }
}

/// Changes what came of a record's run.
pub async fn label(
    api: &Api,
    client: &ClientName,
    namespace: &str,
    number: u64,
    outcome: Outcome,
) -> Result<(), ApiError> {
    let patch = json!({"metadata": {"labels": {LABEL_OUTCOME: outcome.as_str()}}});
    let target = format!(
        "{}/{}?fieldManager={MANAGER}",
        collection(namespace),
        record::name(client, number)
    );
    match again(api, &Call::merge_patch(target, &patch)).await {
        Err(e) if e.is_missing() => Ok(()),
        other => other,
    }
}

/// A merge patch may be sent as often as one likes.
async fn again(api: &Api, call: &Call) -> Result<(), ApiError> {
    api.settle(call, || async { Ok(false) }).await.map(|_| ())
}

/// Removes records beyond those that are kept, and packages beyond theirs. The
/// active record stays, and so does the newest good one before it.
pub async fn trim(
    api: &Api,
    client: &ClientName,
    namespace: &str,
    headings: &[Heading],
    newest: u64,
) -> Result<(), ApiError> {
    let good: Vec<u64> = headings
        .iter()
        .filter(|h| h.outcome.was_good())
        .map(|h| h.number)
        .collect();
    let needed = &good[good.len().saturating_sub(2)..];
    for heading in headings {
        let path = format!(
            "{}/{}",
            collection(namespace),
            record::name(client, heading.number)
        );
        if newest.saturating_sub(heading.number) >= KEPT && !needed.contains(&heading.number) {
            let call = Call::delete(path, &json!({}));
            let gone = || async { Ok(false) };
            match api.settle(&call, gone).await {
                Ok(_) => {}
                Err(e) if e.is_missing() => {}
                Err(e) => return Err(e),
            }
        }
    }
    let mut numbers: Vec<u64> = headings.iter().map(|h| h.number).collect();
    numbers.push(newest);
    let newer = &numbers[numbers.len().saturating_sub(PACKAGES_KEPT)..];
    let full = headings
        .iter()
        .filter(|h| h.holds == Holds::Package)
        .map(|h| h.number)
        .filter(|number| !newer.contains(number) && !needed.contains(number));
    for number in full {
        let patch = json!({"binaryData": {"package.tar.gz": null}});
        let target = format!(
            "{}/{}?fieldManager={MANAGER}",
            collection(namespace),
            record::name(client, number)
        );
        match again(api, &Call::merge_patch(target, &patch)).await {
            Err(e) if !e.is_missing() => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

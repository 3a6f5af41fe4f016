//! Objects that inventories name, read as far as this user may.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _};
use model::object::Gvk;
use serde_json::Value;

use crate::api::{Api, ApiError, CONNECTIONS, Call};
use crate::discovery::{Discovery, Resource, Scope};
use crate::object::{ObjectId, items};

/// What was found.
#[derive(Debug, Default)]
pub struct Seen {
    /// Objects that are there.
    pub objects: BTreeMap<ObjectId, Value>,
    /// Objects that could not be read, and why.
    pub unreadable: BTreeMap<ObjectId, String>,
}

/// Reads these objects: a list where a namespace has several of a kind. One of
/// a kind that the cluster does not serve is not there.
pub async fn look(api: &Api, discovery: &Discovery, wanted: &[(Gvk, ObjectId)]) -> Seen {
    let mut kinds: BTreeMap<String, (&Resource, Vec<&ObjectId>)> = BTreeMap::new();
    for (gvk, id) in wanted {
        if let Some(resource) = discovery.find(gvk).or_else(|| discovery.any(id)) {
            kinds
                .entry(resource.collection(&id.namespace))
                .or_insert_with(|| (resource, Vec::new()))
                .1
                .push(id);
        }
    }
    let requests: Vec<Request<'_>> = kinds
        .into_iter()
        .flat_map(|(collection, (resource, ids))| {
            if resource.scope == Scope::Namespaced && ids.len() > 1 {
                return vec![Request {
                    target: collection,
                    resource,
                    ids,
                }];
            }
            ids.into_iter()
                .map(|id| Request {
                    target: resource.path(&id.namespace, &id.name),
                    resource,
                    ids: vec![id],
                })
                .collect()
        })
        .collect();
    let answers: Vec<(Request<'_>, Result<Value, ApiError>)> = stream::iter(requests)
        .map(|request| async move {
            let answer = api.send(&Call::get(request.target.as_str())).await;
            (request, answer)
        })
        .buffer_unordered(CONNECTIONS)
        .collect()
        .await;
    let mut seen = Seen::default();
    for (request, answer) in answers {
        match answer {
            Ok(answer) => seen.add(&request, answer),
            Err(e) if e.is_missing() => {}
            Err(e) => seen
                .unreadable
                .extend(request.ids.iter().map(|id| ((*id).clone(), e.to_string()))),
        }
    }
    seen
}

struct Request<'a> {
    target: String,
    resource: &'a Resource,
    ids: Vec<&'a ObjectId>,
}

impl Seen {
    fn add(&mut self, request: &Request<'_>, answer: Value) {
        let names: BTreeSet<&ObjectId> = request.ids.iter().copied().collect();
        let found = if answer.get("items").is_some() {
            named(&answer, request.resource)
        } else {
            vec![name_kind(answer, request.resource)]
        };
        for object in found {
            let id = ObjectId::of(&object);
            if names.contains(&id) {
                self.objects.insert(id, object);
            }
        }
    }
}

/// The items of a list, told what they are: lists do not say it of each.
pub fn named(list: &Value, resource: &Resource) -> Vec<Value> {
    items(list, "/items")
        .iter()
        .map(|item| name_kind(item.clone(), resource))
        .collect()
}

fn name_kind(mut object: Value, resource: &Resource) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.insert(
            "apiVersion".to_owned(),
            Value::from(resource.gvk.api_version()),
        );
        map.insert("kind".to_owned(), Value::from(resource.gvk.kind.clone()));
    }
    object
}

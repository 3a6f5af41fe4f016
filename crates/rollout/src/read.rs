//! The cluster before a run: everything that is wrong with it, or what it
//! holds. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _};
use model::finding::{Class, Finding};
use model::object::Gvk;
use package::trust::TrustedPackage;
use serde_json::Value;

use crate::access::{self, Permission};
use crate::api::{Api, ApiError, CONNECTIONS, Call, METADATA, METADATA_LIST};
use crate::apply;
use crate::connect::Connection;
use crate::desired::{Desired, Wanted};
use crate::discovery::{Discovery, Resource, Scope};
use crate::draft::{self, Draft, State};
use crate::fields;
use crate::health::{self, Check};
use crate::live::{self, Live, Trial};
use crate::needs::{self, Found, Skip};
use crate::object::{ObjectId, items, resource_version, text, uid};
use crate::plan::{self, OnConflict};
use crate::records;
use crate::without;

/// What a run is about.
#[derive(Debug)]
pub struct Question<'a> {
    /// The package to bring.
    pub package: &'a TrustedPackage,
    /// Its objects.
    pub wanted: &'a Wanted,
    /// What may be taken from others.
    pub rules: &'a plan::Rules,
    /// Checks that are left out.
    pub skip: &'a BTreeSet<Check>,
    /// The cluster that this context should lead to: the UID of its
    /// Namespace kube-system.
    pub expected_cluster: Option<&'a str>,
}

/// What was read.
#[derive(Debug)]
pub struct Reading {
    /// The cluster.
    pub live: Live,
    /// The package's objects beside it.
    pub drafts: Vec<Draft>,
    /// Worth knowing.
    pub warnings: Vec<Finding>,
}

/// Reads a cluster for a run. All that speaks against the run is told at once.
pub async fn read(
    connection: &Connection,
    question: &Question<'_>,
) -> Result<Reading, Vec<Finding>> {
    let api = &connection.api;
    let client = &question.package.manifest.client;
    let namespace = question.package.manifest.namespace.as_str();
    let (basis, headings) = tokio::join!(
        Basis::read(connection, namespace),
        records::headings(api, client, namespace)
    );
    let basis = basis.map_err(|f| vec![f])?;
    let mut said = Said::default();
    let headings = said.take(headings);
    said.all(basis.judge(question, &connection.context));
    said.all(basis.unread.clone());
    let records = said
        .take(
            records::relevant(
                api,
                client,
                namespace,
                headings.as_deref().unwrap_or_default(),
            )
            .await,
        )
        .unwrap_or_default();

    let mut live = Live {
        version: basis.version.clone(),
        cluster: basis.cluster.clone().ok(),
        discovery: basis.discovery,
        namespace: basis.namespace.clone(),
        objects: BTreeMap::new(),
        scaled: BTreeSet::new(),
        headings: headings.unwrap_or_default(),
        records,
        revisions: Vec::new(),
        trials: BTreeMap::new(),
    };
    said.all(unserved(question.wanted, &live.discovery));
    if said.stops() {
        // Who may not read the records is told all that lacks, not this alone.
        said.all(lacking_access(api, question, &live, namespace, &basis.rules).await);
        return Err(said.findings);
    }
    let lists = Lists::of(question.wanted, &live);
    let (objects, secrets, lacking) = tokio::join!(
        lists.read(api, namespace, live.namespace.is_some(), Detail::Whole),
        found_secrets(api, question, namespace, live.namespace.is_some()),
        lacking_access(api, question, &live, namespace, &basis.rules),
    );
    let is_allowed = lacking.is_empty();
    said.all(lacking);
    match objects {
        Ok(objects) => {
            for object in objects.values() {
                api.known().learn(object);
            }
            live.objects = objects;
        }
        Err(findings) => {
            said.all(findings);
            return Err(said.findings);
        }
    }
    said.all(denied(api, removing(question, &live), namespace, &basis.rules).await);
    place_namespace(&mut live);
    live.scaled = live::scaled(
        basis
            .autoscalers
            .iter()
            .filter(|scaler| !live.is_leaving(scaler, question.wanted)),
    );
    said.all(health::in_the_way(live.objects.values()));
    said.all(lacking_secrets(question, &secrets));
    if !is_allowed {
        // The server would refuse to try anything.
        return Err(said.findings);
    }
    let mut drafts = draft::drafts(question.wanted, &live, &question.rules.choices, namespace);
    said.all(exceeded_quotas(question, &basis.quotas, &drafts, &live));
    said.all(try_all(api, question, &mut live, &mut drafts, namespace).await);
    if needs_revisions(question.wanted, &live) {
        match revisions(api, namespace, &live.discovery).await {
            Ok(revisions) => live.revisions = revisions,
            // Without them something might be removed that they name.
            Err(e) => said.all(vec![unreadable("revisions of workloads", &e)]),
        }
    }
    if said.stops() {
        // What speaks against the objects themselves is told with the rest.
        let planned = plan::plan(
            question.package,
            question.wanted,
            drafts,
            &live,
            question.rules,
        );
        said.all(planned.err().unwrap_or_default());
        return Err(said.findings);
    }
    Ok(Reading {
        live,
        drafts,
        warnings: said.findings,
    })
}

/// The client's Namespace among the other objects.
fn place_namespace(live: &mut Live) {
    if let (Some(object), Some(resource)) = (
        &live.namespace,
        live.discovery.find(&Gvk::new("v1", "Namespace")),
    ) {
        let mut object = object.clone();
        name_kind(&mut object, resource);
        live.objects.insert(ObjectId::of(&object), object);
    }
}

fn exceeded_quotas(
    question: &Question<'_>,
    quotas: &[Value],
    drafts: &[Draft],
    live: &Live,
) -> Vec<Finding> {
    if question.skip.contains(&Check::Quota) {
        return Vec::new();
    }
    crate::quota::exceeded(quotas, question.wanted, drafts, live)
}

fn lacking_secrets(question: &Question<'_>, found: &BTreeMap<String, Found>) -> Vec<Finding> {
    let skip = if question.skip.contains(&Check::Secrets) {
        Skip::Yes
    } else {
        Skip::No
    };
    needs::lacking(&needs::secrets(&question.package.objects), found, skip)
}

/// What was said until now.
#[derive(Default)]
struct Said {
    findings: Vec<Finding>,
}

impl Said {
    fn all(&mut self, findings: Vec<Finding>) {
        self.findings.extend(findings);
    }

    fn take<T>(&mut self, result: Result<T, Vec<Finding>>) -> Option<T> {
        result.map_err(|f| self.all(f)).ok()
    }

    fn stops(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }
}

/// What every run asks first, all at once.
#[derive(Debug)]
struct Basis {
    version: String,
    ready: Result<Value, ApiError>,
    cluster: Result<String, ApiError>,
    nodes: Result<Value, ApiError>,
    namespace: Option<Value>,
    discovery: Discovery,
    rules: Value,
    autoscalers: Vec<Value>,
    quotas: Vec<Value>,
    unread: Vec<Finding>,
}

impl Basis {
    fn judge(&self, question: &Question<'_>, context: &str) -> Vec<Finding> {
        let vitals = health::Vitals {
            version: &self.version,
            ready: &self.ready,
            cluster: &self.cluster,
            nodes: &self.nodes,
            namespace: self.namespace.as_ref(),
        };
        let consign = question.package.manifest.consign.as_ref();
        let expected = health::Expected {
            context,
            cluster: question.expected_cluster,
            kubernetes: consign.map(|c| c.kubernetes.as_str()),
            nodes: if question.skip.contains(&Check::Nodes) {
                health::Nodes::Ignored
            } else {
                health::Nodes::Counted
            },
        };
        health::judge(&vitals, &expected)
    }

    async fn read(connection: &Connection, namespace: &str) -> Result<Self, Finding> {
        let api = &connection.api;
        let unreachable = |e: &ApiError| health::unreachable(connection, e);
        let get = |target: String| async move { api.send(&Call::get(target)).await };
        let rules = serde_json::json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        });
        let rules = Call::post(
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
            &rules,
        );
        let space = format!("/api/v1/namespaces/{namespace}");
        let (version, ready, discovery, own, system, nodes, rules, scalers, quotas) = tokio::join!(
            get("/version".to_owned()),
            get("/readyz".to_owned()),
            Discovery::read(api),
            get(space.clone()),
            get("/api/v1/namespaces/kube-system".to_owned()),
            get("/api/v1/nodes".to_owned()),
            api.send(&rules),
            get(format!(
                "/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
            )),
            get(format!("{space}/resourcequotas")),
        );
        let version = version.map_err(|e| unreachable(&e))?;
        let discovery = discovery.map_err(|e| unreachable(&e))?;
        let namespace = match own {
            Ok(object) => Some(object),
            Err(e) if e.is_missing() => None,
            // Who may not look at it may still work in it.
            Err(e) if e.is_forbidden() => Some(Value::Null),
            Err(e) => return Err(unreachable(&e)),
        };
        let list = |answer: Result<Value, ApiError>| {
            answer.map_or_else(|_| Vec::new(), |list| items(&list, "/items").to_vec())
        };
        let unread = [("autoscalers", &scalers), ("quotas", &quotas)]
            .into_iter()
            .filter_map(|(what, answer)| Some((what, answer.as_ref().err()?)))
            .filter(|(_, error)| !error.is_missing())
            .map(|(what, error)| health::unchecked(what, error))
            .chain(health::clock(api.clock_ahead()))
            .collect();
        let scalers = list(scalers)
            .into_iter()
            .map(|mut scaler| {
                scaler["apiVersion"] = Value::from("autoscaling/v2");
                scaler["kind"] = Value::from("HorizontalPodAutoscaler");
                scaler
            })
            .collect();
        Ok(Self {
            version: text(&version, "/gitVersion").to_owned(),
            ready,
            cluster: system.map(|s| crate::object::uid(&s).to_owned()),
            nodes,
            namespace,
            discovery,
            rules: rules.unwrap_or_default(),
            autoscalers: scalers,
            quotas: list(quotas),
            unread,
        })
    }
}

/// The objects of a plan that are not as they were when it was made, by what
/// is ours in them. Only their metadata is read, and the whole of those whose
/// version went on.
pub(crate) async fn changed_since(
    api: &Api,
    discovery: &Discovery,
    plan: &plan::Plan,
    wanted: &Wanted,
) -> Result<Vec<ObjectId>, Vec<Finding>> {
    let mut lists = Lists::default();
    for step in &plan.steps {
        lists.add(&step.id, discovery.find(&wanted.objects[step.wanted].gvk));
    }
    let now = lists.read(api, "", true, Detail::Metadata).await?;
    let mut changed = Vec::new();
    for step in &plan.steps {
        let same = match (&step.before, now.get(&step.id)) {
            (None, None) => true,
            (Some(before), Some(now)) => {
                let version = resource_version(before);
                uid(before) == uid(now)
                    && (version == resource_version(now) && !version.is_empty()
                        || is_as_planned(
                            api,
                            discovery,
                            &wanted.objects[step.wanted],
                            step,
                            before,
                        )
                        .await?)
            }
            // A Namespace that was made just now, or that may not be read.
            (None, Some(_)) | (Some(_), None) => {
                step.id.is_namespace() || step.id.is_made_by_cluster()
            }
        };
        if !same {
            changed.push(step.id.clone());
        }
    }
    Ok(changed)
}

async fn is_as_planned(
    api: &Api,
    discovery: &Discovery,
    desired: &Desired,
    step: &plan::Step,
    before: &Value,
) -> Result<bool, Vec<Finding>> {
    let Some(resource) = discovery.find(&desired.gvk) else {
        return Ok(false);
    };
    let path = resource.path(&desired.id.namespace, &desired.id.name);
    match api.send(&Call::get(path)).await {
        Ok(now) => Ok(apply::is_as_planned(step, before, &now)),
        Err(e) if e.is_missing() => Ok(false),
        Err(e) => Err(vec![unreadable(&resource.plural, &e)]),
    }
}

/// How much is read of each object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// All of it.
    Whole,
    /// What names it, and its versions.
    Metadata,
}

/// Kinds of the package that the cluster does not serve and the package does
/// not define.
fn unserved(wanted: &Wanted, discovery: &Discovery) -> Vec<Finding> {
    let defined = defined(wanted);
    let mut seen = BTreeSet::new();
    wanted
        .objects
        .iter()
        .filter(|d| discovery.find(&d.gvk).is_none())
        .filter(|d| !defined.contains(&(d.id.group.as_str(), d.id.kind.as_str())))
        .filter(|d| seen.insert(&d.gvk))
        .map(|d| {
            let kind = format!("{} {}", d.gvk.api_version(), d.gvk.kind);
            let other = discovery.any(&d.id).map_or_else(String::new, |r| {
                format!("; it serves {}", r.gvk.api_version())
            });
            Finding::error(
                "kind-not-served",
                Class::Cluster,
                format!("{}: the cluster does not serve {kind}{other}", d.id),
            )
            .help("Install what defines it, or deploy a version that does not need it")
        })
        .collect()
}

/// Groups and kinds that the package's own definitions bring.
fn defined(wanted: &Wanted) -> BTreeSet<(&str, &str)> {
    wanted
        .objects
        .iter()
        .filter(|d| d.id.is_crd())
        .map(|d| {
            (
                text(&d.value, "/spec/group"),
                text(&d.value, "/spec/names/kind"),
            )
        })
        .collect()
}

/// Which lists hold what is of interest: one for each kind and namespace;
/// objects in none are read by name.
#[derive(Default)]
struct Lists {
    collections: BTreeMap<(String, String), Resource>,
    singles: BTreeMap<ObjectId, Resource>,
    names: BTreeSet<ObjectId>,
}

impl Lists {
    fn of(wanted: &Wanted, live: &Live) -> Self {
        let mut this = Self::default();
        for desired in &wanted.objects {
            this.add(&desired.id, live.discovery.find(&desired.gvk));
        }
        for item in live.records.iter().flat_map(|r| &r.document.inventory) {
            let id = item.id();
            let gvk = Gvk::new(&item.api_version, &item.kind);
            let resource = live
                .discovery
                .find(&gvk)
                .or_else(|| live.discovery.any(&id));
            if !this.names.contains(&id) {
                this.add(&id, resource);
            }
        }
        this
    }

    fn add(&mut self, id: &ObjectId, resource: Option<&Resource>) {
        let Some(resource) = resource else { return };
        self.names.insert(id.clone());
        match resource.scope {
            Scope::Namespaced => {
                self.collections
                    .entry((resource.collection(&id.namespace), id.namespace.clone()))
                    .or_insert_with(|| resource.clone());
            }
            Scope::Cluster if id.is_namespace() => {}
            Scope::Cluster => {
                self.singles.insert(id.clone(), resource.clone());
            }
        }
    }

    async fn read(
        &self,
        api: &Api,
        namespace: &str,
        exists: bool,
        detail: Detail,
    ) -> Result<BTreeMap<ObjectId, Value>, Vec<Finding>> {
        let call = |path: String, metadata: &'static str| match detail {
            Detail::Whole => Call::get(path),
            Detail::Metadata => Call::get(path).accept(metadata),
        };
        let lists = stream::iter(
            self.collections
                .iter()
                .filter(|((_, n), _)| exists || n != namespace),
        )
        .map(|((path, _), resource)| async move {
            let answer = api.send(&call(path.clone(), METADATA_LIST)).await;
            (resource, answer.map(|list| items(&list, "/items").to_vec()))
        })
        .buffer_unordered(CONNECTIONS)
        .collect::<Vec<_>>();
        let singles = stream::iter(&self.singles)
            .map(|(id, resource)| async move {
                let answer = api.send(&call(resource.path("", &id.name), METADATA)).await;
                let found = match answer {
                    Ok(object) => Ok(vec![object]),
                    Err(e) if e.is_missing() => Ok(Vec::new()),
                    Err(e) => Err(e),
                };
                (resource, found)
            })
            .buffer_unordered(CONNECTIONS)
            .collect::<Vec<_>>();
        let (lists, singles) = tokio::join!(lists, singles);
        let mut objects = BTreeMap::new();
        let mut findings = Vec::new();
        for (resource, answer) in lists.into_iter().chain(singles) {
            match answer {
                Ok(found) => {
                    for mut object in found {
                        name_kind(&mut object, resource);
                        let id = ObjectId::of(&object);
                        if self.names.contains(&id) {
                            objects.insert(id, object);
                        }
                    }
                }
                Err(e) => findings.push(unreadable(&resource.plural, &e)),
            }
        }
        if findings.is_empty() {
            Ok(objects)
        } else {
            Err(findings)
        }
    }
}

/// Items of a list do not say what they are.
fn name_kind(object: &mut Value, resource: &Resource) {
    if let Some(map) = object.as_object_mut() {
        map.insert(
            "apiVersion".to_owned(),
            Value::from(resource.gvk.api_version()),
        );
        map.insert("kind".to_owned(), Value::from(resource.gvk.kind.clone()));
    }
}

fn unreadable(what: &str, error: &ApiError) -> Finding {
    Finding::error(
        "cluster-unreadable",
        Class::Cluster,
        format!("Cannot read {what}: {error}"),
    )
    .help("See: kubectl auth can-i list, and kubectl cluster-info")
}

async fn found_secrets(
    api: &Api,
    question: &Question<'_>,
    namespace: &str,
    exists: bool,
) -> BTreeMap<String, Found> {
    let needs = needs::secrets(&question.package.objects);
    stream::iter(needs.into_keys())
        .map(|name| async move {
            if !exists {
                return (name, Found::Missing);
            }
            let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
            let found = match api.send(&Call::get(path)).await {
                Ok(secret) => Found::Keys(
                    secret["data"]
                        .as_object()
                        .map(|data| data.keys().cloned().collect())
                        .unwrap_or_default(),
                ),
                Err(e) if e.is_missing() => Found::Missing,
                Err(e) => Found::Unknown(e.to_string()),
            };
            (name, found)
        })
        .buffer_unordered(CONNECTIONS)
        .collect()
        .await
}

async fn lacking_access(
    api: &Api,
    question: &Question<'_>,
    live: &Live,
    namespace: &str,
    rules: &Value,
) -> Vec<Finding> {
    let wanted = permissions(question, live, namespace);
    denied(api, wanted, namespace, rules).await
}

/// Which of these this user is not allowed.
async fn denied(
    api: &Api,
    wanted: BTreeSet<Permission>,
    namespace: &str,
    rules: &Value,
) -> Vec<Finding> {
    // What the rules of one namespace grant says nothing of others.
    let doubtful = wanted
        .into_iter()
        .filter(|p| p.namespace != namespace || !access::granted(rules, p));
    reviewed(api, doubtful).await
}

/// Which of these this user is not allowed, each asked for by itself.
pub(crate) async fn reviewed(
    api: &Api,
    doubtful: impl IntoIterator<Item = Permission>,
) -> Vec<Finding> {
    let denied: BTreeSet<Permission> = stream::iter(doubtful)
        .map(|permission| async move {
            let call = Call::post(
                "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                &permission.review(),
            );
            match api.send(&call).await {
                Ok(answer) if answer["status"]["allowed"] == true => None,
                _ => Some(permission),
            }
        })
        .buffer_unordered(CONNECTIONS)
        .filter_map(|denied| async { denied })
        .collect()
        .await;
    access::lacking(&denied)
}

/// What it takes to remove what the package no longer has.
fn removing(question: &Question<'_>, live: &Live) -> BTreeSet<Permission> {
    let mut needed: BTreeSet<Permission> = live
        .records
        .iter()
        .flat_map(|r| &r.document.inventory)
        .filter_map(|item| {
            let id = item.id();
            let object = live.objects.get(&id)?;
            let goes =
                live.is_leaving(object, question.wanted) && !plan::is_kept(&id, question.rules);
            let resource = live.discovery.any(&id).filter(|_| goes)?;
            Some(Permission {
                verb: "delete",
                resource: resource.plural.clone(),
                group: id.group,
                namespace: id.namespace,
                name: String::new(),
            })
        })
        .collect();
    if !needed.is_empty() {
        // Revisions tell what may still be gone back to.
        needed.insert(Permission {
            verb: "list",
            group: "apps".to_owned(),
            resource: "controllerrevisions".to_owned(),
            namespace: question.package.manifest.namespace.to_string(),
            name: String::new(),
        });
    }
    needed
}

/// All that a run has to be allowed.
fn permissions(question: &Question<'_>, live: &Live, namespace: &str) -> BTreeSet<Permission> {
    let mut all = BTreeSet::new();
    let mut add =
        |verbs: &[&'static str], group: &str, resource: &str, namespace: &str, name: &str| {
            for verb in verbs {
                all.insert(Permission {
                    verb,
                    group: group.to_owned(),
                    resource: resource.to_owned(),
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                });
            }
        };
    for desired in &question.wanted.objects {
        let Some(resource) = live.discovery.find(&desired.gvk) else {
            continue;
        };
        if desired.id.is_namespace() {
            // One that is there already is left as it is by who may not
            // change it.
            if live.namespace.is_none() {
                add(&["create", "patch"], "", "namespaces", "", "");
            }
            continue;
        }
        let scope = match resource.scope {
            Scope::Namespaced => desired.id.namespace.as_str(),
            Scope::Cluster => "",
        };
        // What it makes, a run that fails removes.
        let stays = desired.id.is_crd() || plan::is_kept(&desired.id, question.rules);
        let verbs = ["get", "list", "create", "patch", "delete"];
        add(
            if stays { &verbs[..4] } else { &verbs },
            &desired.id.group,
            &resource.plural,
            scope,
            "",
        );
    }
    let configmaps = ["get", "list", "create", "patch", "update", "delete"];
    add(&configmaps, "", "configmaps", namespace, "");
    add(
        &["get", "create", "update"],
        "coordination.k8s.io",
        "leases",
        namespace,
        "",
    );
    add(&["list"], "", "pods", namespace, "");
    add(&["list"], "apps", "replicasets", namespace, "");
    all
}

/// Tries what differs, without writing it; what is left to others is told.
async fn try_all(
    api: &Api,
    question: &Question<'_>,
    live: &mut Live,
    drafts: &mut [Draft],
    namespace: &str,
) -> Vec<Finding> {
    live.trials = trials(api, question, live, drafts, namespace).await;
    match question.rules.conflicts {
        OnConflict::Refuse => Vec::new(),
        OnConflict::Leave => leave_to_others(api, question, live, drafts, namespace).await,
    }
}

/// What the server says to what differs.
async fn trials(
    api: &Api,
    question: &Question<'_>,
    live: &Live,
    drafts: &[Draft],
    namespace: &str,
) -> BTreeMap<ObjectId, Trial> {
    let differing = drafts
        .iter()
        .filter(|d| matches!(d.state, State::Missing | State::Differs(_)));
    stream::iter(differing)
        .map(|draft| async move {
            let desired = &question.wanted.objects[draft.wanted];
            let postponed = live.namespace.is_none() && desired.id.namespace == namespace;
            let trial = match live.discovery.find(&desired.gvk) {
                Some(resource) if !postponed => {
                    trial(api, resource, draft, &desired.id, question.rules, namespace).await
                }
                _ => Trial::Postponed,
            };
            (desired.id.clone(), trial)
        })
        .buffer_unordered(CONNECTIONS)
        .collect()
        .await
}

/// How often an object is tried without fields that turn out to be others'.
const LEFT_MAX: u32 = 3;

/// Takes out of what is applied the fields that others own; which these are.
async fn leave_to_others(
    api: &Api,
    question: &Question<'_>,
    live: &mut Live,
    drafts: &mut [Draft],
    namespace: &str,
) -> Vec<Finding> {
    let mut told = Vec::new();
    for draft in drafts {
        let desired = &question.wanted.objects[draft.wanted];
        let id = &desired.id;
        for _ in 0..LEFT_MAX {
            let Some(Trial::Conflicts {
                after: None,
                refusal,
            }) = live.trials.get(id)
            else {
                break;
            };
            let kept = plan::kept_by_others(refusal, draft, question.rules, namespace, id);
            let mut is_less = false;
            for (manager, fields) in kept {
                for field in fields {
                    is_less |= without::take_out(&mut draft.body, &field);
                    told.push(left(id, &field, &manager));
                }
            }
            let Some(resource) = live.discovery.find(&desired.gvk).filter(|_| is_less) else {
                break;
            };
            let trial = trial(api, resource, draft, id, question.rules, namespace).await;
            live.trials.insert(id.clone(), trial);
        }
    }
    told
}

fn left(id: &ObjectId, field: &str, manager: &str) -> Finding {
    Finding::warning(
        "field-left",
        Class::Conflict,
        format!("{id}: {field} belongs to manager {manager:?} and stays as it is"),
    )
    .help(format!(
        "To have it back, deploy with --take-over {manager}"
    ))
}

/// Tries one object without writing it.
pub(crate) async fn trial(
    api: &Api,
    resource: &Resource,
    draft: &Draft,
    id: &ObjectId,
    rules: &plan::Rules,
    own: &str,
) -> Trial {
    let path = resource.path(&id.namespace, &id.name);
    let target = |force: &str| {
        format!(
            "{path}?dryRun=All&fieldManager={}&fieldValidation=Strict{force}",
            fields::MANAGER
        )
    };
    let body = draft.trial();
    let refusal = match api.send(&Call::apply(target(""), &body)).await {
        Ok(after) => return Trial::Accepted(after),
        Err(e) => e,
    };
    if refusal.to_string().contains("does not support dry run") {
        return Trial::Unchecked(refusal.to_string());
    }
    if !refusal.is_conflict() || refusal.causes().is_empty() {
        return Trial::Refused(refusal);
    }
    let given = plan::conflicts(&refusal)
        .iter()
        .all(|(manager, fields)| plan::is_given(manager, fields, draft, rules, own, id));
    if !given {
        return Trial::Conflicts {
            after: None,
            refusal,
        };
    }
    match api.send(&Call::apply(target("&force=true"), &body)).await {
        Ok(after) => Trial::Conflicts {
            after: Some(after),
            refusal,
        },
        Err(e) => Trial::Refused(e),
    }
}

/// Whether something may be removed that revisions of workloads may name.
fn needs_revisions(wanted: &Wanted, live: &Live) -> bool {
    live.objects.keys().any(|id| {
        id.group.is_empty()
            && matches!(
                id.kind.as_str(),
                "ConfigMap" | "Secret" | "ServiceAccount" | "PersistentVolumeClaim"
            )
            && wanted.find(id).is_none()
    })
}

/// `ReplicaSets` and `ControllerRevisions` of a namespace; those that cannot
/// be read are none.
pub(crate) async fn revisions(
    api: &Api,
    namespace: &str,
    discovery: &Discovery,
) -> Result<Vec<Value>, ApiError> {
    let mut found = Vec::new();
    for kind in ["ReplicaSet", "ControllerRevision"] {
        let Some(resource) = discovery.find(&Gvk::new("apps/v1", kind)) else {
            continue;
        };
        let list = api.send(&Call::get(resource.collection(namespace))).await?;
        found.extend(items(&list, "/items").iter().cloned().map(|mut object| {
            name_kind(&mut object, resource);
            object
        }));
    }
    Ok(found)
}

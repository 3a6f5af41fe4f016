//! A real API server, reached by rollout's own door.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use model::finding::Finding;
use model::object::Gvk;
use package::trust::TrustedPackage;
use rollout::api::{ApiError, Call};
use rollout::apply;
use rollout::connect::{self, Connection};
use rollout::desired::Wanted;
use rollout::discovery::{Discovery, Scope};
use rollout::fields::{self, Difference, compare};
use rollout::health::Check;
use rollout::object::{ObjectId, items, text};
use rollout::plan::{self, Plan, Rules};
use rollout::read::{self, Question};
use serde_json::{Value, json};
use testkit::apiserver::ApiServer;
use tokio::runtime::Runtime;

/// A server, and what it serves.
pub struct Server {
    runtime: Runtime,
    connection: Connection,
    discovery: Discovery,
    _process: Arc<ApiServer>,
}

impl Server {
    /// One of its own.
    pub fn start() -> Self {
        Self::over(Arc::new(ApiServer::start().unwrap()))
    }

    /// One that tests share, each in a namespace of its own.
    pub fn shared() -> Self {
        Self::over(ApiServer::shared().unwrap())
    }

    fn over(process: Arc<ApiServer>) -> Self {
        let runtime = Runtime::new().unwrap();
        let connection = runtime.block_on(async {
            let kubeconfig = Kubeconfig::read_from(process.kubeconfig()).unwrap();
            let config =
                kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                    .await
                    .unwrap();
            connect::open(config, "test".to_owned()).await.unwrap()
        });
        let discovery = runtime.block_on(Discovery::read(&connection.api)).unwrap();
        Self {
            runtime,
            connection,
            discovery,
            _process: process,
        }
    }

    pub fn send(&self, call: &Call) -> Result<Value, ApiError> {
        self.runtime.block_on(self.connection.api.send(call))
    }

    pub fn path(&self, object: &Value) -> String {
        let id = ObjectId::of(object);
        self.discovery
            .find(&Gvk::new(text(object, "/apiVersion"), &id.kind))
            .unwrap_or_else(|| panic!("{id} is not served"))
            .path(&id.namespace, &id.name)
    }

    pub fn is_namespaced(&self, object: &Value) -> bool {
        let gvk = Gvk::new(text(object, "/apiVersion"), text(object, "/kind"));
        let resource = self.discovery.find(&gvk);
        resource
            .unwrap_or_else(|| panic!("{gvk:?} is not served"))
            .scope
            == Scope::Namespaced
    }

    /// Applies as consign does.
    pub fn apply(&self, object: &Value) -> Result<Value, ApiError> {
        let manager = fields::MANAGER;
        let target = format!(
            "{}?fieldManager={manager}&fieldValidation=Strict",
            self.path(object)
        );
        self.send(&Call::apply(target, object))
    }

    /// Changes as somebody else does.
    pub fn change(&self, object: &Value, manager: &str, patch: &Value) -> Value {
        let target = format!("{}?fieldManager={manager}", self.path(object));
        self.send(&Call::merge_patch(target, patch)).unwrap()
    }

    /// Changes by JSON patch as somebody else does.
    pub fn edit(&self, object: &Value, manager: &str, patch: &Value) -> Value {
        let target = format!("{}?fieldManager={manager}", self.path(object));
        self.send(&Call::json_patch(target, patch)).unwrap()
    }

    /// Makes an object as somebody else does.
    pub fn make(&self, object: &Value, manager: &str) {
        let path = self.path(object);
        let (collection, _) = path.rsplit_once('/').unwrap();
        let target = format!("{collection}?fieldManager={manager}");
        self.send(&Call::post(target, object)).unwrap();
    }

    /// Scales as `kubectl scale` does.
    pub fn scale(&self, object: &Value, replicas: i64) {
        let target = format!("{}/scale?fieldManager=kubectl", self.path(object));
        let patch = json!({"spec": {"replicas": replicas}});
        self.send(&Call::merge_patch(target, &patch)).unwrap();
    }

    /// Plans a package, nodes left out of account: there are none.
    pub fn plan(
        &self,
        package: &TrustedPackage,
        rules: &Rules,
    ) -> Result<(Plan, Wanted), Vec<Finding>> {
        let wanted = Wanted::of(package).unwrap();
        let question = Question {
            package,
            wanted: &wanted,
            rules,
            skip: &BTreeSet::from([Check::Nodes]),
            expected_cluster: None,
        };
        let reading = self
            .runtime
            .block_on(read::read(&self.connection, &question))?;
        let plan = plan::plan(package, &wanted, reading.drafts, &reading.live, rules)?;
        Ok((plan, wanted))
    }

    /// Does every step of a plan.
    pub fn run(&self, (plan, wanted): &(Plan, Wanted)) {
        for step in &plan.steps {
            let resource = self
                .discovery
                .find(&wanted.objects[step.wanted].gvk)
                .unwrap();
            let done = apply::apply(&self.connection.api, resource, step);
            self.runtime.block_on(done).unwrap();
        }
    }

    /// The object as a list holds it: there it does not say what it is.
    pub fn listed(&self, object: &Value) -> Value {
        let path = self.path(object);
        let (collection, _) = path.rsplit_once('/').unwrap();
        let list = self.send(&Call::get(collection)).unwrap();
        let found = items(&list, "/items")
            .iter()
            .find(|item| item["metadata"]["name"] == object["metadata"]["name"]);
        let mut found = found
            .unwrap_or_else(|| panic!("{path} is not listed"))
            .clone();
        found["apiVersion"] = object["apiVersion"].clone();
        found["kind"] = object["kind"].clone();
        found
    }

    /// How an object differs from what is there.
    pub fn difference(&self, object: &Value) -> Difference {
        difference(object, &self.listed(object))
    }

    /// Waits until a definition's kind is served.
    pub fn wait_established(&mut self, definition: &Value) {
        for _ in 0..500 {
            let live = self.listed(definition);
            let established = items(&live, "/status/conditions")
                .iter()
                .any(|c| c["type"] == "Established" && c["status"] == "True");
            if established {
                let reading = Discovery::read(&self.connection.api);
                self.discovery = self.runtime.block_on(reading).unwrap();
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{} is never served", definition["metadata"]["name"]);
    }
}

/// How an object differs from a live one.
pub fn difference(object: &Value, live: &Value) -> Difference {
    compare(object, live, fields::ours(live).unwrap_or(&Value::Null))
}

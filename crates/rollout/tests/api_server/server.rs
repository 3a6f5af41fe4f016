//! A real API server, reached by rollout's own door.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use model::object::Gvk;
use rollout::api::{Api, ApiError, Call};
use rollout::connect;
use rollout::discovery::{Discovery, Scope};
use rollout::fields::{self, Difference, compare};
use rollout::object::{ObjectId, items, text};
use serde_json::{Value, json};
use testkit::apiserver::ApiServer;
use tokio::runtime::Runtime;

/// A server, and what it serves.
pub struct Server {
    pub runtime: Runtime,
    pub api: Api,
    discovery: Discovery,
    _process: ApiServer,
}

impl Server {
    pub fn start() -> Self {
        let process = ApiServer::start().unwrap();
        let runtime = Runtime::new().unwrap();
        let api = runtime.block_on(async {
            let kubeconfig = Kubeconfig::read_from(process.kubeconfig()).unwrap();
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .unwrap();
            connect::open(config, "test".to_owned()).await.unwrap().api
        });
        let discovery = runtime.block_on(Discovery::read(&api)).unwrap();
        Self {
            runtime,
            api,
            discovery,
            _process: process,
        }
    }

    pub fn send(&self, call: &Call) -> Result<Value, ApiError> {
        self.runtime.block_on(self.api.send(call))
    }

    /// Learns the kinds that were defined since.
    pub fn learn(&mut self) {
        self.discovery = self.runtime.block_on(Discovery::read(&self.api)).unwrap();
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
        resource.unwrap_or_else(|| panic!("{gvk:?} is not served")).scope == Scope::Namespaced
    }

    /// Applies as consign does.
    pub fn apply(&self, object: &Value) -> Result<Value, ApiError> {
        let manager = fields::MANAGER;
        let target = format!("{}?fieldManager={manager}&fieldValidation=Strict", self.path(object));
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

    /// The object as a list holds it: there it does not say what it is.
    pub fn listed(&self, object: &Value) -> Value {
        let path = self.path(object);
        let (collection, _) = path.rsplit_once('/').unwrap();
        let list = self.send(&Call::get(collection)).unwrap();
        let found = items(&list, "/items")
            .iter()
            .find(|item| item["metadata"]["name"] == object["metadata"]["name"]);
        let mut found = found.unwrap_or_else(|| panic!("{path} is not listed")).clone();
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
                self.learn();
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{} is never served", definition["metadata"]["name"]);
    }

    pub fn remove(&self, object: &Value) {
        let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0});
        self.send(&Call::delete(self.path(object), &options)).unwrap();
    }
}

/// How an object differs from a live one.
pub fn difference(object: &Value, live: &Value) -> Difference {
    compare(object, live, fields::ours(live).unwrap_or(&Value::Null))
}

//! A client of five objects, runs of it with a fault, and what a good state
//! is.

use std::collections::BTreeSet;
use std::fs;

use rustix::process::Pid;
use serde_json::Value;
use testkit::api_proxy::{ApiFault, ApiProxy, Seen, Victim, among};
use testkit::consign::Ran;
use testkit::image::Mode;

use crate::stage::{SERVICE, Stage, settings, web};

/// The first version.
pub const V1: &str = "v1.0.0";

/// The second one: another image and text, one object more and one less.
pub const V2: &str = "v1.1.0";

const ACCOUNT: &str = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: runner\n";

const EXTRA: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: extra\ndata:\n  a: b\n";

/// Everything of consign's kinds in a namespace, in one request of kubectl's.
const KINDS: &str = "configmaps,services,deployments,serviceaccounts,leases";

/// A client behind a proxy, with two versions packaged.
pub struct Scene {
    pub stage: Stage,
    pub proxy: ApiProxy,
    replicas: u32,
    /// More objects, alike in both versions.
    more: BTreeSet<String>,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does not arrive.
    DropBefore,
    /// It is done, and its answer does not arrive.
    DropAfter,
    /// The program is killed before it has the answer.
    Kill,
}

/// To which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The n-th write.
    Write(u64),
    /// The n-th of all others.
    Other(u64),
}

impl Scene {
    /// With a Deployment of so many pods.
    pub fn new(name: &str, replicas: u32) -> Self {
        Self::with_more(name, replicas, &[])
    }

    /// With more objects: a file's name and its objects' `Kind/name`.
    pub fn with_more(name: &str, replicas: u32, more: &[(&str, &str, &[String])]) -> Self {
        let mut stage = Stage::new(name);
        let files: Vec<(&str, &str)> = more.iter().map(|(file, text, _)| (*file, *text)).collect();
        for version in [V1, V2] {
            // Nothing has to probe it: a pod that runs is ready.
            let web = web(&stage.image(version, Mode::Ok), replicas);
            let (web, _) = web
                .split_once("        readinessProbe")
                .expect("there is a probe");
            let settings = settings(version);
            let own = if version == V1 {
                ("account.yaml", ACCOUNT)
            } else {
                ("extra.yaml", EXTRA)
            };
            let mut sources = vec![
                ("web.yaml", web),
                ("service.yaml", SERVICE),
                ("settings.yaml", settings.as_str()),
                own,
            ];
            sources.extend(&files);
            stage.sources(&sources).package(version);
        }
        let proxy = stage.through_proxy(|_, _| ApiFault::None);
        Self {
            stage,
            proxy,
            replicas,
            more: more
                .iter()
                .flat_map(|(_, _, names)| names.iter().cloned())
                .collect(),
        }
    }

    /// Arguments of a deploy.
    pub fn deploy(&self, version: &str) -> Vec<String> {
        self.stage.deploy_arguments(version, &[])
    }

    /// Arguments of a rollback.
    pub fn rollback(&self, more: &[&str]) -> Vec<String> {
        ["rollback", "--client", &self.stage.client, "--yes"]
            .into_iter()
            .chain(more.iter().copied())
            .map(str::to_owned)
            .collect()
    }

    /// Removes captured states: there are several runs a second here, and the
    /// names of those files are a second apart.
    fn forget_states(&self) {
        let entries =
            fs::read_dir(self.stage.hosting.path("tmp")).expect("directory can be listed");
        for path in entries.flatten().map(|e| e.path()) {
            if path.extension().is_some_and(|e| e == "yaml") {
                fs::remove_file(path).expect("file can be removed");
            }
        }
    }

    /// Runs it with no fault.
    pub fn well(&self, arguments: &[String]) -> Ran {
        self.forget_states();
        self.proxy.inject(|_, _| ApiFault::None);
        self.stage.run(arguments)
    }

    /// Counts its requests: writes, and all others.
    pub fn count(&self, arguments: &[String]) -> (u64, u64) {
        self.proxy.forget();
        self.well(arguments).exits(0);
        let writes = self.proxy.writes().len();
        (writes as u64, (self.proxy.seen().len() - writes) as u64)
    }

    /// Runs it with these faults; the process may be killed by them.
    pub fn with_faults(
        &self,
        arguments: &[String],
        victim: &Victim,
        faults: impl Fn(&Seen, u64) -> ApiFault + Send + Sync + 'static,
    ) -> Ran {
        self.forget_states();
        self.proxy.forget();
        self.proxy.inject(faults);
        let child = self.stage.start(arguments);
        victim.set(i32::try_from(child.id()).ok().and_then(Pid::from_raw));
        let output = child.wait_with_output().expect("the binary ends");
        victim.set(None);
        self.proxy.inject(|_, _| ApiFault::None);
        output.into()
    }

    /// Runs it with one fault.
    pub fn with_fault(&self, arguments: &[String], fault: Fault, point: Point) -> Ran {
        let victim = Victim::default();
        let to_kill = victim.clone();
        let (at, writes) = match point {
            Point::Write(at) => (at, true),
            Point::Other(at) => (at, false),
        };
        let faults = among(
            move |seen| seen.is_write() == writes,
            move |n| match fault {
                _ if n != at => ApiFault::None,
                Fault::DropBefore => ApiFault::DropBefore,
                Fault::DropAfter => ApiFault::DropAfter,
                Fault::Kill => ApiFault::KillAfter(to_kill.clone()),
            },
        );
        self.with_faults(arguments, &victim, faults)
    }

    /// Everything in the namespace.
    pub fn everything(&self) -> Vec<Value> {
        let ran = self
            .stage
            .kubectl(&["get", KINDS, "-o", "json", "--show-managed-fields"])
            .exits(0);
        let list: Value = serde_json::from_str(&ran.stdout).expect("kubectl prints JSON");
        list["items"].as_array().expect("a list has items").clone()
    }

    /// What packages brought: `Kind/name`.
    pub fn applied(&self) -> BTreeSet<String> {
        self.everything()
            .iter()
            .filter(|o| is_applied(o))
            .map(name)
            .collect()
    }

    /// The version that the Deployment has, if it is there.
    pub fn version(&self) -> Option<String> {
        let all = self.everything();
        let web = all
            .iter()
            .find(|o| o["kind"] == "Deployment" && o["metadata"]["name"] == "web")?;
        let version = &web["metadata"]["annotations"]["deployment.version"];
        Some(version.as_str().expect("it is annotated").to_owned())
    }

    /// Why this is no good state of a version; nothing when it is one.
    pub fn wrong(&self, version: &str, lease: LeaseIs) -> Result<(), String> {
        let all = self.everything();
        let applied: BTreeSet<String> = all.iter().filter(|o| is_applied(o)).map(name).collect();
        let own = if version == V1 {
            "ServiceAccount/runner"
        } else {
            "ConfigMap/extra"
        };
        let mut wanted = self.more.clone();
        wanted.extend(
            ["Deployment/web", "Service/web", "ConfigMap/settings", own].map(str::to_owned),
        );
        if applied != wanted {
            return Err(format!("there is {applied:?}, wanted {wanted:?}"));
        }
        for object in &all {
            let metadata = &object["metadata"];
            match name(object).as_str() {
                "Deployment/web" if metadata["annotations"]["deployment.version"] != version => {
                    return Err(format!("deployment of another version: {metadata}"));
                }
                "ConfigMap/settings" if object["data"]["text"] != version => {
                    return Err(format!("settings of another version: {}", object["data"]));
                }
                name if name.starts_with("Lease/")
                    && lease == LeaseIs::Free
                    && object["spec"]["holderIdentity"] != "" =>
                {
                    return Err(format!("the Lease is held: {}", object["spec"]));
                }
                _ => {}
            }
        }
        let outcomes = outcomes(&all);
        let active: Vec<&(u64, String, String)> =
            outcomes.iter().filter(|o| o.2 == "active").collect();
        let newest = outcomes.last();
        if active.len() != 1
            || newest != active.first().copied()
            || newest.is_none_or(|n| n.1 != version)
        {
            return Err(format!("records: {outcomes:?}"));
        }
        if self.replicas > 0 {
            let wanted = vec![version; self.replicas as usize];
            self.stage
                .until("serves", || self.stage.answers("app=web") == wanted);
        }
        Ok(())
    }

    /// A good state of this version.
    #[track_caller]
    pub fn is_good(&self, version: &str, lease: LeaseIs, context: &str) {
        if let Err(why) = self.wrong(version, lease) {
            panic!("{}: {context}: {why}", self.stage.client);
        }
    }

    /// Numbers, versions and outcomes of the records, oldest first.
    pub fn outcomes(&self) -> Vec<(u64, String, String)> {
        outcomes(&self.everything())
    }
}

/// What is asked of the Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseIs {
    /// Nobody holds it.
    Free,
    /// Nothing: no run gave it back.
    Any,
}

fn name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!(
        "{}/{}",
        text(&object["kind"]),
        text(&object["metadata"]["name"])
    )
}

/// Whether a package brought it. One that has a name and no more has no
/// owners.
fn is_applied(object: &Value) -> bool {
    let entries = object["metadata"]["managedFields"].as_array();
    entries.is_none_or(Vec::is_empty) && object["metadata"]["name"] != "default"
        || entries
            .into_iter()
            .flatten()
            .any(|e| e["manager"] == "consign" && e["operation"] == "Apply")
}

fn outcomes(all: &[Value]) -> Vec<(u64, String, String)> {
    let mut found: Vec<(u64, String, String)> = all
        .iter()
        .filter_map(|o| {
            let label = |name: &str| o["metadata"]["labels"][name].as_str().map(str::to_owned);
            let outcome = label("consign.dev/outcome")?;
            let (_, number) = o["metadata"]["name"].as_str()?.rsplit_once(".r")?;
            Some((number.parse().ok()?, label("consign.dev/version")?, outcome))
        })
        .collect();
    found.sort();
    found
}

//! From a kubeconfig to a connection.
//!
//! `KUBECONFIG` may list several files, as for `kubectl`; without any, a pod
//! uses its `ServiceAccount`.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use model::finding::{Class, Finding};

use crate::api::Api;
use crate::processes;

/// How long a credential plugin may take, with whatever it asks at the
/// terminal.
const CREDENTIALS_LIMIT: Duration = Duration::from_secs(60);

/// How long a connection may take to open.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A connection, and what it leads to.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The server to speak to.
    pub api: Api,
    /// The context's name; `(in cluster)` in a pod.
    pub context: String,
    /// The server's address, and a proxy's before it.
    pub server: String,
}

/// The context's name in a pod.
const IN_CLUSTER: &str = "(in cluster)";

/// Opens a connection by this context of the kubeconfig, else by its current
/// one. Nothing is sent yet, but a credential plugin may run.
pub async fn connect(context: Option<&str>) -> Result<Connection, Finding> {
    let (config, context) = configuration(context).await?;
    open(config, context).await
}

/// Opens a connection by this configuration. Nothing is sent yet, but a
/// credential plugin may run.
pub async fn open(config: Config, context: String) -> Result<Connection, Finding> {
    open_within(CREDENTIALS_LIMIT, config, context).await
}

async fn open_within(
    limit: Duration,
    config: Config,
    context: String,
) -> Result<Connection, Finding> {
    let config = settled(config);
    let server = endpoint(&config);
    // The plugin is a program that is waited for: not on this thread.
    let (begun, thread) = tokio::sync::oneshot::channel();
    let making = tokio::task::spawn_blocking(move || {
        let _ = begun.send(rustix::thread::gettid());
        let _inside = tokio::runtime::Handle::try_current();
        Client::try_from(config)
    });
    let client = match tokio::time::timeout(limit, making).await {
        Ok(Ok(Ok(client))) => client,
        Ok(Ok(Err(e))) => return Err(unusable(&context, &e.to_string())),
        Ok(Err(e)) => return Err(unusable(&context, &e.to_string())),
        Err(_) => {
            // Whoever waits for that thread would wait for the plugin.
            if let Ok(thread) = thread.await {
                processes::end_children(thread);
            }
            let limit = limit.as_secs();
            return Err(unusable(
                &context,
                &format!("its credential plugin did not answer within {limit} s"),
            ));
        }
    };
    Ok(Connection {
        api: Api::new(client),
        context,
        server,
    })
}

/// Where requests go: the server, and the proxy that the kubeconfig or the
/// environment puts before it, without its credentials.
fn endpoint(config: &Config) -> String {
    let server = config.cluster_url.to_string();
    let server = server.trim_end_matches('/');
    match config
        .proxy_url
        .as_ref()
        .and_then(|proxy| Some((proxy, proxy.authority()?)))
    {
        Some((proxy, authority)) => {
            let scheme = proxy.scheme_str().unwrap_or("http");
            let host = authority.as_str();
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{server} through {scheme}://{host}")
        }
        None => server.to_owned(),
    }
}

fn unusable(context: &str, why: &str) -> Finding {
    Finding::error(
        "cluster-credentials",
        Class::Cluster,
        format!("Cannot use the context {context}: {why}"),
    )
    .help("Check it with: kubectl --context NAME cluster-info, or name another one with --context")
}

async fn configuration(asked: Option<&str>) -> Result<(Config, String), Finding> {
    let kubeconfig = match Kubeconfig::read() {
        Ok(kubeconfig) => kubeconfig,
        Err(e) => {
            if asked.is_none()
                && let Ok(config) = Config::incluster()
            {
                return Ok((config, IN_CLUSTER.to_owned()));
            }
            return Err(Finding::error(
                "kubeconfig-unreadable",
                Class::Cluster,
                format!("Cannot read the kubeconfig: {}", told(&e)),
            )
            .help("Name it with KUBECONFIG, or see: kubectl config view"));
        }
    };
    let Some(context) = asked
        .map(str::to_owned)
        .or_else(|| kubeconfig.current_context.clone().filter(|c| !c.is_empty()))
    else {
        return Err(Finding::error(
            "context-missing",
            Class::Cluster,
            "The kubeconfig has no current context",
        )
        .help("Name one with --context; kubectl config get-contexts lists them"));
    };
    let known: Vec<String> = kubeconfig.contexts.iter().map(|c| c.name.clone()).collect();
    if !known.contains(&context) {
        return Err(Finding::error(
            "context-unknown",
            Class::Cluster,
            format!(
                "The kubeconfig has no context {context:?}; it has {}",
                if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                }
            ),
        )
        .help("Name one of them with --context"));
    }
    let options = KubeConfigOptions {
        context: Some(context.clone()),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|e| unusable(&context, &told(&e)))?;
    Ok((config, context))
}

/// Retries are ours, and so are the limits of each request.
fn settled(mut config: Config) -> Config {
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_LIMIT);
    config
}

/// A kubeconfig may hold tokens: of what does not parse only the place is
/// told.
fn told(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(e) => match e.location() {
            Some(at) => format!(
                "it is not valid YAML at line {}, column {}",
                at.line(),
                at.column()
            ),
            None => "it is not valid YAML".to_owned(),
        },
        KubeconfigError::ReadConfig(source, path) => format!("{}: {source}", path.display()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn d23_a_plugin_that_hangs_is_ended_with_all_that_it_began() {
        let home = tempfile::tempdir().unwrap();
        let (plugin, noted) = (home.path().join("plugin"), home.path().join("pid"));
        let script = format!(
            "#!/bin/sh\nsleep 600 &\necho $! > {}\nwait\n",
            noted.display()
        );
        fs::write(&plugin, script).unwrap();
        fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
        let text = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:1"}}],
            "users": [{"name": "x", "user": {"exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": plugin,
                "interactiveMode": "Never",
            }}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        });
        let kubeconfig = Kubeconfig::from_yaml(&text.to_string()).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .unwrap();
        let limit = Duration::from_secs(2);
        let finding = open_within(limit, config, "x".to_owned())
            .await
            .unwrap_err();
        assert_eq!(
            finding.to_string(),
            "Cannot use the context x: its credential plugin did not answer within 2 s"
        );
        let pid = fs::read_to_string(noted).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        let begun = std::time::Instant::now();
        // Who adopts it may leave it a zombie.
        while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "{stat} is still there"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

//! A real Kubernetes API server: etcd and kube-apiserver.
//!
//! Alone, objects can be created, read and tried by dry run, and nothing is
//! started for them; [`crate::cluster`] gives it company.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::certificate::Certificate;
use crate::https::{Answer, Connection};
use crate::process::{Process, START_LIMIT, StartError, free_address};
use crate::tools::{self, Tool, ToolError};

/// The administrator's token: the server listens on loopback, and its objects
/// are gone with it.
const TOKEN: &str = "administrator-of-a-test";

/// A token of a user who may do nothing, to test refusals with.
pub const POWERLESS_TOKEN: &str = "nobody-of-a-test";

/// The key that signs the tokens of accounts.
const ACCOUNTS_KEY: &str = "accounts.key";

/// The name of the certificate with which the server comes to a kubelet.
const KUBELET_CLIENT: &str = "kubelet-client";

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ApiServerError {
    /// A program is missing.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A program did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Files or connections failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It listens, and is never ready.
    #[error("the API server is not ready: {last}; its log:\n{log}")]
    NotReady {
        /// Its last answer.
        last: String,
        /// What it wrote.
        log: String,
    },
}

/// What runs beside the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    /// Nothing.
    None,
    /// Controllers, which make the accounts of pods, and a kubelet, which asks
    /// for a certificate.
    Cluster,
}

/// A running API server; dropping it ends it.
#[derive(Debug)]
pub struct ApiServer {
    /// Ended first: without etcd it would only complain.
    server: Process,
    _etcd: Process,
    address: SocketAddr,
    kubeconfig: PathBuf,
    authorities: Vec<u8>,
}

impl ApiServer {
    /// Starts etcd and the API server, and waits until it is ready: about four
    /// seconds.
    pub fn start() -> Result<Self, ApiServerError> {
        Self::start_in(Company::None)
    }

    pub(crate) fn start_in(company: Company) -> Result<Self, ApiServerError> {
        let (etcd, apiserver) = (tools::path(Tool::Etcd)?, tools::path(Tool::KubeApiserver)?);
        let (etcd, storage) = Process::serve(|dir, port| {
            let peers = free_address()?;
            let clients = format!("http://127.0.0.1:{port}");
            let mut command = Command::new(&etcd);
            command
                .arg("--data-dir")
                .arg(dir.join("data"))
                .arg(format!("--listen-client-urls={clients}"))
                .arg(format!("--advertise-client-urls={clients}"))
                .arg(format!("--listen-peer-urls=http://{peers}"))
                // Nobody needs the data once the machine has crashed.
                .arg("--unsafe-no-fsync");
            Ok(command)
        })?;
        let (server, address) = Process::serve(|dir, port| {
            let mut command = command(&apiserver, dir, port, storage)?;
            keep(&mut command, dir, company)?;
            Ok(command)
        })?;
        let certificate = certificate(server.dir());
        let mut started = Self {
            kubeconfig: kubeconfig(server.dir(), "kubeconfig", address, TOKEN)?,
            authorities: fs::read(&certificate)?,
            server,
            _etcd: etcd,
            address,
        };
        started.wait()?;
        Ok(started)
    }

    /// The server of this test program: started for who asks first, ended when
    /// nobody holds it any more.
    pub fn shared() -> Result<Arc<Self>, ApiServerError> {
        static SHARED: Mutex<Weak<ApiServer>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Ok(running);
        }
        let server = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&server);
        Ok(server)
    }

    fn wait(&mut self) -> Result<(), ApiServerError> {
        let started = Instant::now();
        loop {
            let last = match self.connect().and_then(|mut c| c.get("/readyz")) {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) => answer.body,
                Err(error) => error.to_string(),
            };
            if started.elapsed() > START_LIMIT || !self.server.is_running() {
                let log = self.server.log();
                return Err(ApiServerError::NotReady { last, log });
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// A connection as administrator.
    pub fn connect(&self) -> io::Result<Client> {
        self.connect_with(TOKEN)
    }

    /// A connection with this token.
    pub fn connect_with(&self, token: &str) -> io::Result<Client> {
        Ok(Client {
            connection: Connection::open(self.address, &self.authorities)?,
            address: self.address,
            authorities: self.authorities.clone(),
            token: token.to_owned(),
        })
    }

    /// The address, `127.0.0.1` and a port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A kubeconfig file with one context, `test`, of the administrator. It
    /// is gone with the server.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The certificates that vouch for its own, in PEM.
    pub fn authorities(&self) -> &[u8] {
        &self.authorities
    }

    /// The administrator's token.
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// A kubeconfig file of whoever has this token, otherwise like
    /// [`Self::kubeconfig`].
    pub fn kubeconfig_for(&self, token: &str) -> io::Result<PathBuf> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("kubeconfig-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        kubeconfig(self.server.dir(), &name, self.address, token)
    }

    /// The file of [`Self::authorities`].
    pub(crate) fn certificate(&self) -> PathBuf {
        certificate(self.server.dir())
    }

    /// The key that signs the tokens of accounts.
    pub(crate) fn accounts_key(&self) -> PathBuf {
        self.server.dir().join(ACCOUNTS_KEY)
    }

    /// The certificate with which it comes to a kubelet, in company only.
    pub(crate) fn kubelet_client(&self) -> PathBuf {
        self.server.dir().join(format!("{KUBELET_CLIENT}.crt"))
    }

    /// What the server wrote.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

/// A connection to the server.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    address: SocketAddr,
    authorities: Vec<u8>,
    token: String,
}

impl Client {
    /// Asks for a path.
    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.ask("GET", path, "application/json", b"")
    }

    /// Posts a body of this content type.
    pub fn post(&mut self, path: &str, content_type: &str, body: &[u8]) -> io::Result<Answer> {
        self.ask("POST", path, content_type, body)
    }

    /// Any other request.
    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> io::Result<Answer> {
        let head = format!(
            "Authorization: Bearer {}\r\nAccept: application/json\r\nContent-Type: {content_type}\r\n",
            self.token
        );
        match self.connection.ask(method, path, &head, body) {
            // A server may close a connection at any time between requests,
            // and does when a handler of its own panics.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.connection = Connection::open(self.address, &self.authorities)?;
                self.connection.ask(method, path, &head, body)
            }
            other => other,
        }
    }
}

/// Its own certificate, which it makes as it starts.
fn certificate(dir: &Path) -> PathBuf {
    dir.join("pki/apiserver.crt")
}

fn command(program: &Path, dir: &Path, port: u16, storage: SocketAddr) -> io::Result<Command> {
    let (private, public) = (dir.join(ACCOUNTS_KEY), dir.join("accounts.pub"));
    let keys = keys()?;
    fs::write(&private, &keys[0])?;
    fs::write(&public, &keys[1])?;
    let tokens = dir.join("tokens.csv");
    let lines =
        format!("{TOKEN},administrator,1,\"system:masters\"\n{POWERLESS_TOKEN},nobody,2,\n");
    fs::write(&tokens, lines)?;
    let mut command = Command::new(program);
    command
        .arg(format!("--etcd-servers=http://{storage}"))
        .arg(format!("--secure-port={port}"))
        .args([
            "--bind-address=127.0.0.1",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--allow-privileged",
        ]);
    for (flag, path) in [
        ("--cert-dir", &dir.join("pki")),
        ("--service-account-key-file", &public),
        ("--service-account-signing-key-file", &private),
        ("--token-auth-file", &tokens),
    ] {
        command.arg(flag).arg(path);
    }
    Ok(command)
}

/// Sets what company asks for.
fn keep(command: &mut Command, dir: &Path, company: Company) -> io::Result<()> {
    match company {
        // No controller makes the accounts that it would insist on.
        Company::None => {
            command.arg("--disable-admission-plugins=ServiceAccount");
        }
        Company::Cluster => {
            let client = Certificate::authority(dir, KUBELET_CLIENT)?;
            command
                // The node's name is in no directory of names.
                .arg("--kubelet-preferred-address-types=InternalIP")
                .arg("--kubelet-client-certificate")
                .arg(client.certificate)
                .arg("--kubelet-client-key")
                .arg(client.key);
        }
    }
    Ok(())
}

/// A new key that signs tokens, and the one that checks them, in PEM.
fn keys() -> io::Result<[String; 2]> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(io::Error::other)?;
    let private = pair.to_pkcs8v1().map_err(io::Error::other)?;
    let public = pair.public_key().as_der().map_err(io::Error::other)?;
    let pem = |label: &str, der: &[u8]| {
        let text = STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    Ok([
        pem("PRIVATE KEY", private.as_ref()),
        pem("PUBLIC KEY", public.as_ref()),
    ])
}

fn kubeconfig(dir: &Path, name: &str, address: SocketAddr, token: &str) -> io::Result<PathBuf> {
    let path = dir.join(name);
    let certificate = certificate(dir);
    let certificate = certificate.display();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters:\n- name: test\n  cluster:\n    server: https://{address}\n    certificate-authority: {certificate}\n\
         users:\n- name: test\n  user:\n    token: {token}\n\
         contexts:\n- name: test\n  context:\n    cluster: test\n    user: test\n"
    );
    fs::write(&path, text)?;
    Ok(path)
}

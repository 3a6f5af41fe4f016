//! A token server, as registries with token authentication have one beside
//! them.
//!
//! It signs with a real key (RS256, by `openssl`), and a real registry checks
//! what it signs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::certificate::Certificate;
use crate::directory::Directory;
use crate::http::{Action, Reply, Request, Server};

/// Who issues the tokens.
pub const ISSUER: &str = "consign-test-realm";

/// For whom they are issued.
pub const SERVICE: &str = "consign-test-registry";

/// How long a token is good for, in seconds.
const LIFE: u64 = 300;

/// What a token server does when it is asked for several scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Several {
    /// It grants all of them.
    All,
    /// It grants the first.
    First,
    /// It refuses.
    Refused,
}

/// What a token server grants.
#[derive(Debug, Clone)]
pub struct Grants {
    /// Users and their passwords.
    pub users: BTreeMap<String, String>,
    /// Identity tokens, taken as refresh tokens.
    pub identities: Vec<String>,
    /// Whether everybody else may pull.
    pub anonymous: bool,
    /// The answer to several scopes at once.
    pub several: Several,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            users: [("robot".to_owned(), "s3cret".to_owned())].into(),
            identities: vec!["identity-1".to_owned()],
            anonymous: false,
            several: Several::All,
        }
    }
}

/// A token server; gone when dropped.
#[derive(Debug)]
pub struct Realm {
    server: Server,
    certificate: Certificate,
    _dir: Directory,
}

impl Realm {
    /// Starts one.
    pub fn start(grants: Grants) -> io::Result<Self> {
        let dir = Directory::new()?;
        let certificate = Certificate::authority(dir.path(), "realm")?;
        let signer = Signer::new(&certificate)?;
        let server = Server::start(move |request| {
            Action::Answer(
                answer(&grants, &signer, request)
                    .unwrap_or_else(|e| Reply::status(500).body(e.to_string())),
            )
        })?;
        Ok(Self {
            server,
            certificate,
            _dir: dir,
        })
    }

    /// Its address for the registry's configuration.
    pub fn url(&self) -> String {
        format!("http://{}/token", self.server.host())
    }

    /// Host and port.
    pub fn host(&self) -> String {
        self.server.host()
    }

    /// What the registry trusts.
    pub fn certificate(&self) -> &Path {
        &self.certificate.certificate
    }

    /// All requests until now.
    pub fn seen(&self) -> Vec<Request> {
        self.server.seen()
    }

    /// Forgets the requests until now.
    pub fn forget(&self) {
        self.server.forget();
    }
}

fn answer(grants: &Grants, signer: &Signer, request: &Request) -> io::Result<Reply> {
    let refuse = |status: u16, code: &str| {
        Ok(Reply::status(status)
            .with("Content-Type", "application/json")
            .body(json!({"errors": [{"code": code, "message": "not with these"}]}).to_string()))
    };
    let (user, scopes) = if request.method == "POST" {
        let scopes = request.form("scope").join(" ");
        let identity = request.form("refresh_token").join("");
        if request.form("grant_type") != ["refresh_token"] || !grants.identities.contains(&identity)
        {
            return Ok(Reply::status(400).body(r#"{"error": "invalid_grant"}"#));
        }
        let scopes = scopes.split_whitespace().map(str::to_owned).collect();
        ("identity".to_owned(), scopes)
    } else {
        let user = match request.header("authorization") {
            Some(header) => match login(grants, header) {
                Some(user) => user,
                None => return refuse(401, "UNAUTHORIZED"),
            },
            None if grants.anonymous => String::new(),
            None => return refuse(401, "UNAUTHORIZED"),
        };
        (user, request.query("scope"))
    };
    let service = if request.method == "POST" {
        request.form("service")
    } else {
        request.query("service")
    };
    if service != [SERVICE] {
        return refuse(400, "SERVICE");
    }
    let mut scopes: Vec<String> = scopes;
    if scopes.len() > 1 {
        match grants.several {
            Several::All => {}
            Several::First => scopes.truncate(1),
            Several::Refused => return refuse(403, "DENIED"),
        }
    }
    let token = signer.sign(&user, &scopes)?;
    Ok(Reply::status(200)
        .with("Content-Type", "application/json")
        .body(json!({"token": token, "expires_in": LIFE}).to_string()))
}

fn login(grants: &Grants, header: &str) -> Option<String> {
    let pair = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (user, password) = pair.split_once(':')?;
    (grants.users.get(user)? == password).then(|| user.to_owned())
}

/// Makes JSON web tokens as the distribution project's registry checks them.
struct Signer {
    certificate: Certificate,
    /// In DER, as `x5c` has it.
    der: String,
}

impl Signer {
    fn new(certificate: &Certificate) -> io::Result<Self> {
        let pem = fs::read_to_string(&certificate.certificate)?;
        let der = pem.lines().filter(|l| !l.starts_with("-----")).collect();
        Ok(Self {
            certificate: certificate.clone(),
            der,
        })
    }

    fn sign(&self, user: &str, scopes: &[String]) -> io::Result<String> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(io::Error::other)?
            .as_secs();
        let access: Vec<_> = scopes
            .iter()
            .filter_map(|scope| {
                let (kind, rest) = scope.split_once(':')?;
                let (name, actions) = rest.rsplit_once(':')?;
                let actions: Vec<&str> = actions.split(',').collect();
                Some(json!({"type": kind, "name": name, "actions": actions}))
            })
            .collect();
        let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [self.der]});
        let claims = json!({
            "iss": ISSUER, "sub": user, "aud": SERVICE,
            "exp": now + LIFE, "nbf": now - 60, "iat": now,
            "jti": format!("{now}-{}", access.len()), "access": access,
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut openssl = Command::new("openssl")
            .args(["dgst", "-sha256", "-sign"])
            .arg(&self.certificate.key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = openssl.stdin.take() {
            input.write_all(signed.as_bytes())?;
        }
        let output = openssl.wait_with_output()?;
        if !output.status.success() {
            return Err(io::Error::other("openssl does not sign"));
        }
        let signature = URL_SAFE_NO_PAD.encode(output.stdout);
        Ok(format!("{signed}.{signature}"))
    }
}

//! The environment, read once and in one place.

use std::ffi::OsString;
use std::path::PathBuf;

use programs::git::Git;
use programs::process::Program;

use crate::process::{self, Process};
use crate::screen::ColourEnvironment;

/// What consign takes from the environment. No `.env` file is ever read.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The directory the command was started in.
    pub here: PathBuf,
    /// `PATH`, in which programs are looked for.
    pub path: OsString,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `DOCKER_CONFIG`.
    pub docker_config: Option<PathBuf>,
    /// `REGISTRY_AUTH_FILE`.
    pub registry_auth_file: Option<PathBuf>,
    /// `HTTPS_PROXY`.
    pub https_proxy: Option<String>,
    /// `HTTP_PROXY`; only in lower case, as curl has it, because servers turn a
    /// request's `Proxy` header into the upper-case one.
    pub http_proxy: Option<String>,
    /// `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// `SSL_CERT_FILE`.
    pub ssl_cert_file: Option<PathBuf>,
    /// What programs that act for the user are told of them.
    pub user: Vec<(OsString, OsString)>,
    /// Where temporary files go: `TMPDIR`, else `/tmp`.
    pub temporary: PathBuf,
    /// Where what is to be kept for the next run goes: `XDG_STATE_HOME`, else
    /// `~/.local/state`.
    pub state: Option<PathBuf>,
    /// Who runs this: `USER`, else `LOGNAME`, else the number.
    pub user_name: String,
    /// `SOURCE_DATE_EPOCH`.
    pub source_date_epoch: Option<String>,
    /// `NO_COLOR` and `CLICOLOR_FORCE`.
    pub colour: ColourEnvironment,
}

/// Whose files, configuration, agents and keychains a program that acts for
/// the user may find.
const USER_VARIABLES: [&str; 8] = [
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "GNUPGHOME",
    "SUDO_UID",
];

impl Environment {
    /// Who this is, for others to tell.
    pub fn process(&self) -> Process {
        Process::read(self.user_name.clone())
    }

    /// The git to ask, if there is one.
    pub fn git(&self) -> Option<Git> {
        let program = Program::find("git", &self.path)?;
        Some(Git::new(program).user(|name| {
            self.user
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        }))
    }

    /// Reads it.
    pub fn read() -> std::io::Result<Self> {
        let text = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let path = |name: &str| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        Ok(Self {
            here: std::env::current_dir()?,
            path: std::env::var_os("PATH").unwrap_or_default(),
            home: path("HOME"),
            docker_config: path("DOCKER_CONFIG"),
            registry_auth_file: path("REGISTRY_AUTH_FILE"),
            https_proxy: text("HTTPS_PROXY").or_else(|| text("https_proxy")),
            http_proxy: text("http_proxy"),
            no_proxy: text("NO_PROXY").or_else(|| text("no_proxy")),
            ssl_cert_file: path("SSL_CERT_FILE"),
            user: USER_VARIABLES
                .iter()
                .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)))
                .collect(),
            temporary: path("TMPDIR").unwrap_or_else(|| "/tmp".into()),
            // A relative one is to be ignored (XDG Base Directory
            // Specification).
            state: path("XDG_STATE_HOME")
                .filter(|state| state.is_absolute())
                .or_else(|| Some(path("HOME")?.join(".local/state"))),
            user_name: text("USER")
                .or_else(|| text("LOGNAME"))
                .unwrap_or_else(process::user_number),
            source_date_epoch: text("SOURCE_DATE_EPOCH"),
            colour: ColourEnvironment {
                no_color: text("NO_COLOR").is_some(),
                force: text("CLICOLOR_FORCE").is_some_and(|v| v != "0"),
            },
        })
    }
}

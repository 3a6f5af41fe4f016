//! Where credentials come from: docker's configuration and its helpers.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::docker_config::{Choice, DockerConfig, server_key};
use crate::error::Said;
use crate::login::{Login, Secret};

/// The largest configuration that is read; one with a thousand registries is
/// a tenth of it.
const CONFIG_MAX: u64 = 1024 * 1024;

/// Asks a credential helper: `get` of `docker-credential-<name>` for a server.
/// `None` when it has no entry for that; otherwise user and secret. The text
/// of an error is shown and must hold no secret.
pub type Helper = Arc<dyn Fn(&str, &str) -> Result<Option<(String, Secret)>, String> + Send + Sync>;

/// Where to look for credentials.
///
/// Give the files in the order in which they count: the one that
/// `REGISTRY_AUTH_FILE` names, else `config.json` in `DOCKER_CONFIG` or in
/// `~/.docker`. A file that does not exist holds nothing; the first that has
/// an entry for a repository wins. Nothing is read before a registry asks for
/// credentials.
#[derive(Clone, Default)]
pub struct Credentials {
    files: Vec<PathBuf>,
    helper: Option<Helper>,
    cache: Arc<Cache>,
}

type Found = Result<Option<Login>, Said>;

#[derive(Default)]
struct Cache {
    configs: OnceLock<Result<Vec<(PathBuf, DockerConfig)>, Said>>,
    /// By helper and server: it is run once.
    known_logins: Mutex<HashMap<(String, String), Found>>,
}

impl Credentials {
    /// None: everything is asked for anonymously.
    pub fn none() -> Self {
        Self::default()
    }

    /// From these files.
    pub fn from_files(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            files: files.into_iter().collect(),
            ..Self::default()
        }
    }

    /// With a way to run the helpers that the files name. Without one, a
    /// helper that is named is an error.
    #[must_use]
    pub fn with_helper(mut self, helper: Helper) -> Self {
        self.helper = Some(helper);
        self
    }

    /// The login for a repository, if there is one. Reads files and runs
    /// programs: it blocks.
    pub(crate) fn login(&self, registry: &str, repository: &str) -> Result<Option<Login>, Said> {
        let configs = match self.cache.configs.get_or_init(|| self.read()) {
            Ok(configs) => configs,
            Err(why) => return Err(why.clone()),
        };
        for (path, config) in configs {
            let choices = config
                .choices(registry, repository)
                .map_err(|why| Said::new(&format!("{}: {why}", path.display())))?;
            for choice in choices {
                let login = match choice {
                    Choice::Login(login) => Some(login),
                    Choice::Helper(name) => self.help(&name, registry, path)?,
                };
                if login.is_some() {
                    return Ok(login);
                }
            }
        }
        Ok(None)
    }

    fn read(&self) -> Result<Vec<(PathBuf, DockerConfig)>, Said> {
        let mut configs = Vec::new();
        for path in &self.files {
            let said = |why: &dyn fmt::Display| Said::new(&format!("{}: {why}", path.display()));
            match read_bounded(path) {
                Ok(text) => {
                    let config = DockerConfig::parse(&text).map_err(|why| said(&why))?;
                    configs.push((path.clone(), config));
                }
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(why) => return Err(said(&why)),
            }
        }
        Ok(configs)
    }

    fn help(&self, name: &str, registry: &str, named_by: &Path) -> Result<Option<Login>, Said> {
        let server = server_key(registry);
        let key = (name.to_owned(), server.to_owned());
        // Held while the helper runs: some of them ask the user, once is enough.
        let mut known_logins = self
            .cache
            .known_logins
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known_logins.get(&key) {
            return known.clone();
        }
        let answer = match &self.helper {
            Some(ask) => ask(name, server),
            None => Err("running credential helpers is off".to_owned()),
        };
        let answer = answer
            .map(|found| found.map(|(user, secret)| Login::from_helper(&user, secret)))
            .map_err(|why| {
                Said::new(&format!(
                    "docker-credential-{name} (named in {}): {why}",
                    named_by.display()
                ))
            });
        known_logins.insert(key, answer.clone());
        answer
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("files", &self.files)
            .field("helper", &self.helper.is_some())
            .finish_non_exhaustive()
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(CONFIG_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > CONFIG_MAX {
        return Err(io::Error::other(format!("larger than {CONFIG_MAX} bytes")));
    }
    Ok(bytes)
}

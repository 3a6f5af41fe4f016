//! Go programs the tests need, built once and kept.
//!
//! Each comes from a module in `servers/`: a wrapper, whose `go.mod` and
//! `go.sum` pin every source, or a program of our own. They are built into
//! `${CONSIGN_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/consign-test}`, in a
//! directory named by the hash of those files, so that a change builds anew and
//! nothing else does.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

/// A program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tool {
    /// etcd, for the API server.
    Etcd,
    /// The API server of Kubernetes 1.36.
    KubeApiserver,
    /// Its controllers.
    KubeControllerManager,
    /// Its scheduler.
    KubeScheduler,
    /// Its agent on a node.
    Kubelet,
    /// kubectl of the same release.
    Kubectl,
    /// kustomize v5.5.0.
    Kustomize,
    /// What the images of the test cluster hold.
    Workload,
    /// kapp v0.64.2, a peer.
    Kapp,
    /// Helm 4.3, a peer.
    Helm,
}

/// Where a module's sources come from.
#[derive(Clone, Copy)]
enum Sources {
    /// Elsewhere; the module pins them.
    Elsewhere,
    /// The module itself.
    Own,
}

impl Sources {
    /// The files that settle what is built.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Elsewhere => &["go.mod", "go.sum"],
            Self::Own => &["go.mod", "main.go"],
        }
    }

    /// The files that Go needs.
    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Elsewhere => &["go.mod", "go.sum", "tools.go"],
            Self::Own => self.keys(),
        }
    }
}

/// How a program is built.
struct Recipe {
    /// The module, a directory of `servers/`.
    module: &'static str,
    /// Where its sources come from.
    sources: Sources,
    /// The Go package.
    package: &'static str,
    /// The program's name.
    binary: &'static str,
    /// What the linker writes into it.
    linker: &'static str,
    /// Whether a developer's own, in `KUBEBUILDER_ASSETS`, will do.
    asset: bool,
}

/// Without these the programs call themselves v0.0.0, and clients complain.
const KUBERNETES_VERSION: &str = "-X k8s.io/component-base/version.gitVersion=v1.36.3 \
     -X k8s.io/component-base/version.gitMajor=1 \
     -X k8s.io/component-base/version.gitMinor=36";

impl Tool {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::KubeScheduler,
        Self::Kubelet,
        Self::Kubectl,
        Self::Kustomize,
        Self::Workload,
        Self::Kapp,
        Self::Helm,
    ];

    fn recipe(self) -> Recipe {
        let kubernetes = |package, binary| Recipe {
            module: "kubernetes",
            sources: Sources::Elsewhere,
            package,
            binary,
            linker: KUBERNETES_VERSION,
            asset: true,
        };
        match self {
            Self::Etcd => Recipe {
                module: "etcd",
                sources: Sources::Elsewhere,
                package: "go.etcd.io/etcd/server/v3",
                binary: "etcd",
                linker: "",
                asset: true,
            },
            Self::KubeApiserver => {
                kubernetes("k8s.io/kubernetes/cmd/kube-apiserver", "kube-apiserver")
            }
            Self::KubeControllerManager => kubernetes(
                "k8s.io/kubernetes/cmd/kube-controller-manager",
                "kube-controller-manager",
            ),
            Self::KubeScheduler => {
                kubernetes("k8s.io/kubernetes/cmd/kube-scheduler", "kube-scheduler")
            }
            Self::Kubelet => kubernetes("k8s.io/kubernetes/cmd/kubelet", "kubelet"),
            Self::Kubectl => kubernetes("k8s.io/kubernetes/cmd/kubectl", "kubectl"),
            Self::Kustomize => Recipe {
                module: "kustomize",
                sources: Sources::Elsewhere,
                package: "sigs.k8s.io/kustomize/kustomize/v5",
                binary: "kustomize",
                linker: "-X sigs.k8s.io/kustomize/api/provenance.version=v5.5.0",
                asset: false,
            },
            Self::Workload => Recipe {
                module: "workload",
                sources: Sources::Own,
                package: ".",
                binary: "workload",
                linker: "",
                asset: false,
            },
            Self::Kapp => Recipe {
                module: "kapp",
                sources: Sources::Elsewhere,
                package: "carvel.dev/kapp/cmd/kapp",
                binary: "kapp",
                linker: "",
                asset: false,
            },
            Self::Helm => Recipe {
                module: "helm",
                sources: Sources::Elsewhere,
                package: "helm.sh/helm/v4/cmd/helm",
                binary: "helm",
                linker: "",
                asset: false,
            },
        }
    }
}

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The cache could not be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither variable that says where caches are is set.
    #[error("none of CONSIGN_TEST_CACHE, XDG_CACHE_HOME and HOME is set")]
    NoCache,
    /// Go did not build it.
    #[error("{program} cannot be built from {}: {why}", module.display())]
    Build {
        /// The program.
        program: &'static str,
        /// The module.
        module: PathBuf,
        /// What Go said.
        why: String,
    },
}

/// The path of a program, built first if need be: minutes for those of
/// Kubernetes, once.
pub fn path(tool: Tool) -> Result<PathBuf, ToolError> {
    let recipe = tool.recipe();
    if recipe.asset
        && let Some(assets) = env::var_os("KUBEBUILDER_ASSETS")
    {
        let own = Path::new(&assets).join(recipe.binary);
        if own.is_file() {
            return Ok(own);
        }
    }
    let module = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("servers")
        .join(recipe.module);
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| ToolError::Io { path, source }
    };
    let key = key(&module, recipe.sources).map_err(at(&module))?;
    let dir = cache()?.join(key);
    let binary = dir.join("bin").join(recipe.binary);
    if binary.is_file() {
        return Ok(binary);
    }
    fs::create_dir_all(dir.join("bin")).map_err(at(&dir))?;
    let lock = dir.join("lock");
    let file = File::create(&lock).map_err(at(&lock))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|e| at(&lock)(e.into()))?;
    // Another process may have built it while we waited.
    if !binary.is_file() {
        build(&recipe, &module, &binary)?;
    }
    Ok(binary)
}

/// The directory that outlives the tests.
pub fn cache() -> Result<PathBuf, ToolError> {
    let var = |name| {
        env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    var("CONSIGN_TEST_CACHE")
        .or_else(|| var("XDG_CACHE_HOME").map(|dir| dir.join("consign-test")))
        .or_else(|| var("HOME").map(|dir| dir.join(".cache/consign-test")))
        .ok_or(ToolError::NoCache)
}

/// The hash of what the programs of a module are made of.
fn key(module: &Path, sources: Sources) -> io::Result<String> {
    let mut hash = Sha256::new();
    for name in sources.keys() {
        hash.update(fs::read(module.join(name))?);
    }
    let name = module.file_name().unwrap_or_default().to_string_lossy();
    let digest = hash.finalize();
    let short = digest
        .iter()
        .take(8)
        .fold(0, |all, byte| all << 8 | u64::from(*byte));
    Ok(format!("{name}-{short:016x}"))
}

fn build(recipe: &Recipe, module: &Path, binary: &Path) -> Result<(), ToolError> {
    let fail = |why: String| ToolError::Build {
        program: recipe.binary,
        module: module.to_owned(),
        why,
    };
    // Go may write to go.mod and go.sum: it gets copies.
    let dir = tempfile::tempdir().map_err(|e| fail(e.to_string()))?;
    for name in recipe.sources.files() {
        fs::copy(module.join(name), dir.path().join(name)).map_err(|e| fail(e.to_string()))?;
    }
    say(recipe.binary);
    let unfinished = binary.with_extension("unfinished");
    let output = Command::new("go")
        .args(["build", "-mod=mod", "-trimpath", "-ldflags"])
        .arg(format!("-s -w {}", recipe.linker))
        .arg("-o")
        .arg(&unfinished)
        .arg(recipe.package)
        .current_dir(dir.path())
        .env("CGO_ENABLED", "0")
        .stdin(Stdio::null())
        .output()
        .map_err(|e| fail(e.to_string()))?;
    if !output.status.success() {
        return Err(fail(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    fs::rename(&unfinished, binary).map_err(|e| fail(e.to_string()))
}

#[expect(
    clippy::print_stderr,
    reason = "it takes minutes, and who waits wants to know"
)]
fn say(program: &str) {
    eprintln!("building {program}, once");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_has_its_program() {
        for tool in Tool::ALL {
            let recipe = tool.recipe();
            let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("servers")
                .join(recipe.module);
            assert!(key(&dir, recipe.sources).is_ok(), "{}", dir.display());
            if let Sources::Elsewhere = recipe.sources {
                let tools = fs::read_to_string(dir.join("tools.go")).unwrap();
                let import = format!("_ \"{}\"", recipe.package);
                assert!(tools.contains(&import), "{tools}");
            }
        }
    }
}

//! The command line as types.

pub mod cluster;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Immutable deployment packages for Kubernetes.
#[derive(Debug, Parser)]
#[command(
    name = "consign",
    version,
    about,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Example:\n  consign package --client acme-corp --version v1.2.3\n  consign verify acme-corp@v1.2.3"
)]
pub struct Cli {
    /// Flags that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The hosting repository; else the nearest directory above this one that
    /// holds consign.yaml or k8s/clients
    #[arg(long, global = true, env = "CONSIGN_ROOT", value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// How to answer: lines for people, or one JSON document
    #[arg(
        long,
        global = true,
        env = "CONSIGN_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: Format,
    /// Colour of tags
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Choice,
    /// Progress of what takes more than a second
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub progress: Choice,
    /// Print only what is wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// How to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON document.
    Json,
}

/// When to do a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// On a terminal.
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

/// How much to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// What is wrong.
    Quiet,
    /// The specification's lines.
    Normal,
    /// And more.
    Verbose,
}

impl Global {
    /// How much to print.
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a hosting repository
    Init(Init),
    /// Print what `kustomize build` prints
    Render(Render),
    /// Write a client's images.lock
    Lock(Lock),
    /// Make packages
    Package(Package),
    /// Verify packages
    Verify(Verify),
    /// Bring a cluster to a package
    Deploy(cluster::Deploy),
    /// Go back to an earlier version
    Rollback(cluster::Rollback),
    /// Remove what releases of a client brought
    Undeploy(cluster::Undeploy),
    /// Show what is deployed, how it is, and what runs
    Status(cluster::Status),
    /// List the releases of a client
    History(cluster::History),
    /// Compare two packages, or a package and the cluster
    Diff(cluster::Diff),
    /// Clients
    #[command(subcommand)]
    Client(Client),
    /// Print a shell's completions
    Completions(Completions),
    /// Print the manual page, or write one for every command
    Man(Man),
}

/// `consign init`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  consign init hosting --example")]
pub struct Init {
    /// Where; made if missing
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// Add a client to try things with
    #[arg(long)]
    pub example: bool,
}

/// `consign render`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  consign render --client acme-corp\n  consign render k8s/base/web"
)]
pub struct Render {
    /// A client's name
    #[arg(long, value_name = "NAME", conflicts_with = "directory")]
    pub client: Option<String>,
    /// A directory with a kustomization
    #[arg(value_name = "DIR", required_unless_present = "client")]
    pub directory: Option<PathBuf>,
    /// The order of objects
    #[arg(long, value_name = "ORDER", default_value = "legacy")]
    pub reorder: Reorder,
}

/// The order of rendered objects, as kustomize names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Reorder {
    /// By kind, Namespaces first and webhooks last.
    Legacy,
    /// As they were read.
    None,
}

/// `consign lock`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  consign lock --client acme-corp --update")]
pub struct Lock {
    /// A client's name; may be given several times
    #[arg(long, value_name = "NAME", required_unless_present = "all")]
    pub client: Vec<String>,
    /// Every client
    #[arg(long, conflicts_with = "client")]
    pub all: bool,
    /// Resolve every image anew, not only those that the lock lacks
    #[arg(long)]
    pub update: bool,
    /// How long all requests together may take, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "120",
        env = "CONSIGN_REGISTRY_DEADLINE"
    )]
    pub deadline: u64,
}

/// `consign package`
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "Example:\n  consign package --client acme-corp --version v1.2.3\n  consign package --client acme-corp --version v1.2.3 --output /tmp/packages --locked"
)]
pub struct Package {
    /// A client's name; may be given several times
    #[arg(long, value_name = "NAME", required_unless_present = "all")]
    pub client: Vec<String>,
    /// Every client
    #[arg(long, conflicts_with = "client")]
    pub all: bool,
    /// The package's version: vMAJOR.MINOR.PATCH or vMAJOR.MINOR.PATCH-prerelease
    #[arg(long, value_name = "VERSION")]
    pub version: String,
    /// The directory that the package's directory is made in
    #[arg(long, value_name = "DIR", env = "CONSIGN_OUTPUT")]
    pub output: Option<PathBuf>,
    /// Refuse unless images.lock holds every image
    #[arg(long, env = "CONSIGN_LOCKED")]
    pub locked: bool,
    /// Open no connection
    #[arg(long, env = "CONSIGN_OFFLINE")]
    pub offline: bool,
    /// When the package was made, in RFC 3339; else the environment's source
    /// date, else the commit's time when nothing that was read differs from it,
    /// else now
    #[arg(long, value_name = "TIME")]
    pub created: Option<String>,
    /// What to do when the package exists
    #[arg(long, value_name = "WHAT", default_value = "fail")]
    pub if_exists: IfExists,
    /// Do everything but write
    #[arg(long)]
    pub dry_run: bool,
    /// How long all requests together may take, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "120",
        env = "CONSIGN_REGISTRY_DEADLINE"
    )]
    pub deadline: u64,
}

/// What to do when the package exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IfExists {
    /// Refuse.
    Fail,
    /// Succeed if it is the same bytes.
    Verify,
}

/// `consign verify`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  consign verify packages/acme-corp-v1.2.3\n  consign verify --all"
)]
pub struct Verify {
    /// Package directories, names or <client>@<version>
    #[arg(value_name = "DIR", required_unless_present = "all")]
    pub packages: Vec<PathBuf>,
    /// Every package of the packages directory
    #[arg(long, conflicts_with = "packages")]
    pub all: bool,
    /// Check the objects against this Kubernetes version instead of the package's own
    #[arg(long, value_name = "VERSION")]
    pub kubernetes: Option<String>,
}

/// `consign client`
#[derive(Debug, Subcommand)]
pub enum Client {
    /// List the clients
    List,
    /// Show one client
    Show(ClientShow),
}

/// `consign client show`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  consign client show acme-corp")]
pub struct ClientShow {
    /// The client's name
    #[arg(value_name = "NAME", required_unless_present = "client")]
    pub name: Option<String>,
    /// The client's name
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    pub client: Option<String>,
}

/// `consign completions`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  consign completions bash > /etc/bash_completion.d/consign")]
pub struct Completions {
    /// Which shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `consign man`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  consign man | man -l -\n  consign man --output /usr/local/share/man/man1"
)]
pub struct Man {
    /// Write a page for every command into this directory
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}

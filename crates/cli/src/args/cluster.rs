//! The commands that speak to a cluster.

use std::path::{Path, PathBuf};

use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{Args, ValueEnum};
use model::name::ClientName;
use model::version::Version;
use package::checksums::PackageDigest;

use crate::span::Span;

/// Which cluster.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// A context of the kubeconfig; else its current one
    // Never empty: a script whose variable is not set must not reach whatever
    // cluster happens to be the current one.
    #[arg(
        long,
        value_name = "NAME",
        env = "CONSIGN_CONTEXT",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub context: Option<String>,
}

/// What every command takes that changes a cluster.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster options")]
pub struct Change {
    /// Which cluster.
    #[command(flatten)]
    pub target: Target,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(
        long,
        visible_alias = "force",
        env = "CONSIGN_YES",
        value_parser = BoolishValueParser::new()
    )]
    pub yes: bool,
    /// How long it may take in all, such as 90s, 5m or 1h30m; a setting, else
    /// 5m
    #[arg(long, value_name = "TIME", env = "CONSIGN_TIMEOUT")]
    pub timeout: Option<Span>,
    /// Do not wait until it is done
    #[arg(long)]
    pub no_wait: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT", env = "CONSIGN_REASON")]
    pub reason: Option<String>,
    /// Fail when config/clients.yaml could not be written afterwards
    #[arg(
        long,
        env = "CONSIGN_STRICT_HISTORY",
        value_parser = BoolishValueParser::new()
    )]
    pub strict_history: bool,
}

/// What the commands take that bring a cluster to a package.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rollout options")]
pub struct Rollout {
    /// What every change takes.
    #[command(flatten)]
    pub change: Change,
    /// Skip the schema, image and script steps of verification; never the
    /// checksums, the set of files or the trust policy
    #[arg(long)]
    pub skip_verify: bool,
    /// Leave a rollout that failed as it is
    #[arg(long)]
    pub no_rollback: bool,
    /// A container of the new version that restarted this often has failed; a
    /// setting, else 3
    #[arg(
        long,
        value_name = "N",
        env = "CONSIGN_FAIL_AFTER_RESTARTS",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub fail_after_restarts: Option<u32>,
    /// Do not let these checks refuse
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub skip_check: Vec<Check>,
    /// Take the fields back that this field manager changed; may be given
    /// several times
    #[arg(
        long,
        value_name = "MANAGER",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub take_over: Vec<String>,
    /// Take an object that exists and is not ours; may be given several times
    #[arg(long, value_name = "KIND/NAME")]
    pub adopt: Vec<Adopted>,
    /// Take every object of the package that exists and is not ours
    #[arg(long, conflicts_with = "adopt")]
    pub adopt_all: bool,
    /// Refuse every package but the one of this digest
    #[arg(long, value_name = "DIGEST", env = "CONSIGN_EXPECT_DIGEST")]
    pub expect_digest: Option<PackageDigest>,
}

/// What is looked at before the first write and may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Check {
    /// Whether a node is Ready.
    Nodes,
    /// Whether the registries still have the images.
    Images,
    /// Whether the quota suffices.
    Quota,
    /// Whether the Secrets that pods read are there.
    Secrets,
}

/// An object as `--adopt` names it: `KIND/NAME`, or `KIND.GROUP/NAME`. How the
/// kind is cased is for the reader to ignore, as kubectl does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// `Deployment`, as written.
    pub kind: String,
    /// `apps`; any when it is not said.
    pub group: Option<String>,
    /// `web`.
    pub name: String,
}

impl std::str::FromStr for Adopted {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected KIND/NAME or KIND.GROUP/NAME, such as Deployment/web";
        let (kind, name) = text.split_once('/').ok_or(FORM)?;
        let (kind, group) = match kind.split_once('.') {
            Some((kind, group)) => (kind, Some(group)),
            None => (kind, None),
        };
        if [Some(kind), group, Some(name)].contains(&Some("")) || name.contains('/') {
            return Err(FORM);
        }
        Ok(Self {
            kind: kind.to_owned(),
            group: group.map(str::to_owned),
            name: name.to_owned(),
        })
    }
}

/// `consign deploy`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  consign deploy --package packages/acme-corp-v1.2.3 --dry-run\n  consign deploy --package acme-corp@v1.2.3 --context upcloud-prod\n  consign deploy acme-corp@v1.2.3 --yes --expect-digest sha256:… --reason \"change 4711\""
)]
pub struct Deploy {
    /// The package: its directory, its name or <client>@<version>
    #[arg(value_name = "DIR", required_unless_present = "package")]
    directory: Option<PathBuf>,
    /// The package: its directory, its name or <client>@<version>
    #[arg(long, value_name = "DIR", conflicts_with = "directory")]
    package: Option<PathBuf>,
    /// Go on with the package whose deployment was interrupted; refuse when
    /// that was another one
    #[arg(long)]
    pub resume: bool,
    /// How it is rolled out.
    #[command(flatten)]
    pub rollout: Rollout,
}

impl Deploy {
    /// The package, as it was named.
    pub fn package(&self) -> &Path {
        let named = self.package.as_deref().or(self.directory.as_deref());
        named.unwrap_or(Path::new(""))
    }
}

/// `consign rollback`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  consign rollback --client acme-corp --reason \"web answers 500\"\n  consign rollback --client acme-corp --to v1.2.2 --context upcloud-prod --yes"
)]
pub struct Rollback {
    /// The client
    #[arg(long, value_name = "NAME")]
    pub client: ClientName,
    /// To this version; else to the version that was good before the active
    /// one
    #[arg(long, value_name = "VERSION")]
    pub to: Option<Version>,
    /// How it is rolled out.
    #[command(flatten)]
    pub rollout: Rollout,
}

/// `consign undeploy`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  consign undeploy --client acme-corp --dry-run\n  consign undeploy --client acme-corp --keep-data"
)]
pub struct Undeploy {
    /// The client
    #[arg(long, value_name = "NAME")]
    pub client: ClientName,
    /// Keep the claims of persistent volumes
    #[arg(long)]
    pub keep_data: bool,
    /// Delete the Namespace too, with all that is in it; asks for the client's
    /// name
    #[arg(long, conflicts_with = "keep_data")]
    pub delete_namespace: bool,
    /// How it is done.
    #[command(flatten)]
    pub change: Change,
}

/// `consign status`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  consign status\n  consign status --client acme-corp")]
pub struct Status {
    /// The client; else all of them
    #[arg(long, value_name = "NAME")]
    pub client: Option<ClientName>,
    /// Which cluster.
    #[command(flatten)]
    pub target: Target,
}

/// `consign history`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  consign history --client acme-corp")]
pub struct History {
    /// The client
    #[arg(long, value_name = "NAME")]
    pub client: ClientName,
    /// Which cluster.
    #[command(flatten)]
    pub target: Target,
}

/// `consign diff`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  consign diff acme-corp@v1.2.2 acme-corp@v1.2.3\n  consign diff acme-corp@v1.2.3 --live --exit-code"
)]
pub struct Diff {
    /// A package: its directory, its name or <client>@<version>
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// The package that it is compared with
    #[arg(value_name = "B", required_unless_present = "live")]
    pub b: Option<PathBuf>,
    /// Compare with the cluster
    #[arg(long, conflicts_with = "b")]
    pub live: bool,
    /// Which cluster.
    #[command(flatten)]
    pub target: Target,
    /// End with 13 when they differ
    #[arg(long)]
    pub exit_code: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, Parser, Subcommand};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    #[derive(Debug, Subcommand)]
    enum Command {
        Deploy(Deploy),
        Rollback(Rollback),
        Undeploy(Undeploy),
        Status(Status),
        History(History),
        Diff(Diff),
    }

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Line::try_parse_from(["consign"].into_iter().chain(line.split_whitespace()))
            .map(|line| line.command)
    }

    fn deploy(line: &str) -> Deploy {
        match parse(line).unwrap() {
            Command::Deploy(deploy) => deploy,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound_and_every_command_shows_an_example() {
        Line::command().debug_assert();
        for command in Line::command().get_subcommands() {
            let help = command.get_after_help().unwrap().to_string();
            assert!(help.contains(&format!("consign {} ", command.get_name())));
        }
    }

    #[test]
    fn the_flags_of_deploy() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let all = deploy(&format!(
            "deploy --package packages/acme-corp-v1.2.3 --context upcloud-prod --dry-run --skip-verify --force --resume --timeout 1h30m --no-wait --no-rollback --fail-after-restarts 1 --skip-check nodes,images,quota --skip-check secrets --take-over kubectl-edit --take-over helm --adopt Deployment/web --adopt certificate.cert-manager.io/tls --expect-digest {digest} --reason because --strict-history"
        ));
        assert_eq!(all.package(), Path::new("packages/acme-corp-v1.2.3"));
        assert!(all.resume);
        let rollout = all.rollout;
        assert!(rollout.skip_verify && rollout.no_rollback && !rollout.adopt_all);
        assert_eq!(rollout.fail_after_restarts, Some(1));
        let checks = [Check::Nodes, Check::Images, Check::Quota, Check::Secrets];
        assert_eq!(rollout.skip_check, checks);
        assert_eq!(rollout.take_over, ["kubectl-edit", "helm"]);
        let adopted: Vec<_> = rollout
            .adopt
            .iter()
            .map(|a| (a.kind.as_str(), a.group.as_deref(), a.name.as_str()))
            .collect();
        assert_eq!(
            adopted,
            [
                ("Deployment", None, "web"),
                ("certificate", Some("cert-manager.io"), "tls")
            ]
        );
        assert_eq!(rollout.expect_digest.unwrap().to_string(), digest);
        let change = rollout.change;
        assert_eq!(change.target.context.as_deref(), Some("upcloud-prod"));
        assert!(change.dry_run && change.yes && change.no_wait && change.strict_history);
        assert_eq!(change.timeout, Some(Span::seconds(5400)));
        assert_eq!(change.reason.as_deref(), Some("because"));

        let bare = deploy("deploy acme-corp@v1.2.3");
        assert_eq!(bare.package(), Path::new("acme-corp@v1.2.3"));
        assert!(!bare.rollout.change.yes && !bare.rollout.change.dry_run);
        assert_eq!(bare.rollout.change.timeout, None);
        assert!(deploy("deploy x --yes").rollout.change.yes);
        assert!(deploy("deploy x --adopt-all").rollout.adopt_all);
    }

    #[test]
    fn the_flags_of_the_others() {
        let Command::Rollback(rollback) =
            parse("rollback --client acme-corp --to v1.2.2 --yes --timeout 90s").unwrap()
        else {
            panic!()
        };
        assert_eq!(rollback.client.as_str(), "acme-corp");
        assert_eq!(rollback.to.unwrap().to_string(), "v1.2.2");
        assert!(rollback.rollout.change.yes);
        let Command::Undeploy(undeploy) =
            parse("undeploy --client acme-corp --keep-data --dry-run").unwrap()
        else {
            panic!()
        };
        assert!(undeploy.keep_data && !undeploy.delete_namespace && undeploy.change.dry_run);
        let Command::Status(status) = parse("status --context prod").unwrap() else {
            panic!()
        };
        assert!(status.client.is_none() && status.target.context.is_some());
        assert!(parse("history --client acme-corp --context prod").is_ok());
        let Command::Diff(diff) = parse("diff a b --exit-code").unwrap() else {
            panic!()
        };
        assert!(diff.exit_code && !diff.live && diff.b.is_some());
        let Command::Diff(diff) = parse("diff a --live --context prod").unwrap() else {
            panic!()
        };
        assert!(diff.live && diff.b.is_none());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "deploy",
            "deploy a --package b",
            "deploy a --timeout 5",
            "deploy a --timeout 0s",
            "deploy a --fail-after-restarts 0",
            "deploy a --skip-check node",
            "deploy a --adopt web",
            "deploy a --adopt /web",
            "deploy a --adopt Deployment/",
            "deploy a --adopt Deployment./web",
            "deploy a --adopt a/b/c",
            "deploy a --adopt Deployment/web --adopt-all",
            "deploy a --expect-digest sha256:12",
            "rollback",
            "rollback --client ../etc",
            "rollback --client acme-corp --to 1.2.2",
            "undeploy --client acme-corp --keep-data --delete-namespace",
            "history",
            "diff a",
            "diff a b --live",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        for empty in ["--context", "--take-over"] {
            let line = ["consign", "deploy", "a", empty, ""];
            assert!(Line::try_parse_from(line).is_err(), "{empty}");
        }
    }
}

//! One command a file: typed arguments in, an outcome out.

pub mod client;
pub mod completions;
pub mod deploy;
pub mod diff;
pub mod history;
pub mod init;
pub mod lock;
pub mod man;
pub mod package;
pub mod render;
pub mod rollback;
pub mod status;
pub mod undeploy;
pub mod verify;

use model::finding::Finding;
use model::name::ClientName;

use crate::args::{Cli, Command};
use crate::environment::Environment;
use crate::outcome::Outcome;
use crate::root::Hosting;
use crate::screen::Screen;
use crate::source;

/// Runs what the command line asks for.
pub fn run(cli: &Cli, environment: &Environment, screen: &mut Screen) -> Outcome {
    let root = cli.global.root.as_deref();
    let hosting = || Hosting::open(root, &environment.here);
    let result = match &cli.command {
        Command::Init(args) => init::run(args, environment, screen),
        Command::Completions(args) => Ok(completions::run(args, screen)),
        Command::Man(args) => man::run(args, environment, screen),
        Command::Render(args) => render::run(args, root, environment, screen),
        Command::Verify(args) => verify::run(args, hosting(), environment, screen),
        Command::Lock(args) => {
            hosting().and_then(|hosting| lock::run(args, &hosting, environment, screen))
        }
        Command::Package(args) => {
            hosting().and_then(|hosting| package::run(args, &hosting, environment, screen))
        }
        Command::Deploy(args) => Hosting::beside(root, &environment.here)
            .and_then(|hosting| deploy::run(args, hosting.as_ref(), environment, screen)),
        Command::Rollback(args) => Hosting::beside(root, &environment.here)
            .and_then(|hosting| rollback::run(args, hosting.as_ref(), environment, screen)),
        Command::Undeploy(args) => Hosting::beside(root, &environment.here)
            .and_then(|hosting| undeploy::run(args, hosting.as_ref(), environment, screen)),
        Command::Status(args) => Hosting::beside(root, &environment.here)
            .and_then(|hosting| status::run(args, hosting.as_ref(), environment, screen)),
        Command::History(args) => Hosting::beside(root, &environment.here)
            .and_then(|hosting| history::run(args, hosting.as_ref(), screen)),
        Command::Diff(args) => Hosting::beside(root, &environment.here)
            .and_then(|hosting| diff::run(args, hosting.as_ref(), environment, screen)),
        Command::Client(args) => hosting().and_then(|hosting| client::run(args, &hosting, screen)),
    };
    result.unwrap_or_else(Outcome::from)
}

/// The clients that `--client` or `--all` name, each once; all that is wrong
/// with the names at once.
fn chosen(names: &[String], all: bool, hosting: &Hosting) -> Result<Vec<ClientName>, Vec<Finding>> {
    if all {
        let clients = catalog::clients::list(&hosting.root, &hosting.settings.clients)
            .map_err(|e| vec![e.into()])?;
        return Ok(clients.names);
    }
    let mut chosen = Vec::new();
    let mut findings = Vec::new();
    for name in names {
        match source::client_name(name) {
            Ok(name) if chosen.contains(&name) => {}
            Ok(name) => chosen.push(name),
            Err(finding) => findings.push(finding),
        }
    }
    if findings.is_empty() {
        Ok(chosen)
    } else {
        Err(findings)
    }
}

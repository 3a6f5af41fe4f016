//! Deploys of 500 objects, consign beside its peers: `just bench-deploy`.
//!
//! All deploy the very same objects, the manifests of two consign packages, to
//! one cluster, each into a namespace of its own that is there before and gone
//! after. The contenders take turns, so that a drifting machine drifts for all. Requests are counted in one more round,
//! through a proxy that is not part of the timed ones.
//!
//! `CONSIGN_BENCH_ROUNDS` says how many timed rounds there are (5); the slow
//! ones, against which nothing is held, take part in the first only.
//! `CONSIGN_BENCH_ONLY` names the contenders, by commas.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench speaks to the person who runs it, and stops when it cannot go on"
)]

mod files;
mod measure;

mod contender;
mod ground;

mod report;

use std::path::Path;

use testkit::api_proxy::{ApiFault, ApiProxy};

use crate::contender::{CONSIGN, Contender, Deployer, Step};
use crate::files::{Hosting, Version};
use crate::ground::Ground;
use crate::report::{Cell, Report};

const ROUNDS: usize = 5;

/// Whose every step takes half a minute takes part in so many rounds.
const SLOW_ROUNDS: usize = 1;

fn main() {
    let rounds = std::env::var("CONSIGN_BENCH_ROUNDS").map_or(ROUNDS, |n| n.parse().unwrap());
    let only = std::env::var("CONSIGN_BENCH_ONLY").unwrap_or_default();
    let contenders: Vec<Contender> = Contender::ALL
        .into_iter()
        .filter(|c| only.is_empty() || only.split(',').any(|name| name == c.name()))
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let ground = Ground::start();
    let root = directory.path().join("hosting");
    let hosting = Hosting::new(root, ground.cluster().registry());
    let bench = Bench {
        directory: directory.path(),
        hosting,
        ground,
    };
    let report = bench.run(&contenders, rounds);
    println!("{}\n{}", report.tables(), report.targets());
}

struct Bench<'a> {
    directory: &'a Path,
    hosting: Hosting,
    ground: Ground,
}

impl Bench<'_> {
    fn run(&self, contenders: &[Contender], rounds: usize) -> Report {
        let mut report = Report::default();
        for contender in contenders {
            for step in Step::ALL {
                report.cells.push(Cell {
                    contender: *contender,
                    step,
                    taken: Vec::new(),
                    asked: Vec::new(),
                    connections: 0,
                });
            }
        }
        // Counted first: it also warms everything up.
        let counted = self.hosting.client(CONSIGN, "counted");
        for contender in contenders {
            let deployer = self.deployer(*contender, &counted);
            self.count(&deployer, &mut report);
        }
        for round in 0..rounds {
            let client = self.hosting.client(CONSIGN, &format!("round-{round}"));
            for contender in contenders {
                if round < SLOW_ROUNDS || !contender.is_slow() {
                    let deployer = self.deployer(*contender, &client);
                    self.time(&deployer, &mut report);
                }
            }
            let namespace = format!("floor-{round}");
            let manifests = self.hosting.manifests(&client, Version::First, &namespace);
            self.ground.make(&namespace);
            report.floor.push(self.ground.floor(&namespace, &manifests));
            self.ground.remove(&namespace);
        }
        report
    }

    fn deployer<'a>(&'a self, contender: Contender, client: &'a files::Client) -> Deployer<'a> {
        let directory = self.directory.join(contender.name()).join(client.name());
        let home = self.directory.join("homes");
        Deployer::new(contender, &self.hosting, client, directory, &home)
    }

    fn time(&self, deployer: &Deployer, report: &mut Report) {
        self.ground.make(&deployer.namespace);
        for step in Step::ALL {
            let taken = self.step(deployer, step, self.ground.cluster().kubeconfig());
            report.of(deployer.contender, step).taken.push(taken);
        }
        self.ground.remove(&deployer.namespace);
    }

    fn count(&self, deployer: &Deployer, report: &mut Report) {
        let server = self.ground.cluster().api();
        let proxy = ApiProxy::before(
            server.address(),
            server.authorities(),
            Some(server.token().to_owned()),
            |_, _| ApiFault::None,
        )
        .unwrap();
        let kubeconfig = proxy.kubeconfig(self.directory).unwrap();
        self.ground.make(&deployer.namespace);
        for step in Step::ALL {
            proxy.forget();
            self.step(deployer, step, &kubeconfig);
            let cell = report.of(deployer.contender, step);
            cell.asked = proxy.seen();
            cell.connections = proxy.peak_connections();
        }
        self.ground.remove(&deployer.namespace);
    }

    fn step(&self, deployer: &Deployer, step: Step, kubeconfig: &Path) -> measure::Taken {
        let mut command = deployer.command(step, kubeconfig);
        let log = self.directory.join("log");
        let taken = measure::run(&mut command, &log);
        self.ground.check(&deployer.namespace, step.version());
        println!(
            "{:<10} {:<20} {:8.2} s",
            deployer.contender.name(),
            step.title(),
            taken.time.as_secs_f64()
        );
        taken
    }
}

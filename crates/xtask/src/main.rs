//! Tasks of the workspace: `cargo xtask TASK`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task speaks to the person who runs it"
)]

mod cluster;
mod schemas;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask TASK
  cluster up|down    a whole cluster on this machine, and what to tell the shell
  schemas [--check]  the schemas of Kubernetes' built-in kinds, from its Go modules
  test [ARGUMENT…]   every test of the workspace, with one count at the end";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((task, rest)) if task == "cluster" => cluster::run(rest),
        Some((task, rest)) if task == "schemas" => schemas::run(rest),
        Some((task, rest)) if task == "test" => test::run(rest),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

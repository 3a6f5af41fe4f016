//! `cargo xtask cluster up|down`: the cluster of the tests, for a person.

use std::process::Command;

/// Hands over to the test kit, which has the servers.
pub fn run(arguments: &[String]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--quiet", "--package", "consign-testkit"])
        .args(["--bin", "test-cluster", "--"])
        .args(arguments)
        .status()
        .map_err(|e| format!("cannot start cargo: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err("there is no cluster to be had".to_owned())
    }
}

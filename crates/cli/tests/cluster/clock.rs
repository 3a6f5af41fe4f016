//! A clock that is not the cluster's.

use std::process::Command;

use testkit::consign::Ran;
use testkit::image::Mode;

use crate::stage::Stage;

#[test]
fn d5_a_clock_that_differs_is_told() {
    let stage = Stage::new("clock");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    let arguments = stage.deploy_arguments("v1.0.0", &["--dry-run"]);
    stage
        .run(&arguments)
        .exits(0)
        .never_says("This machine's clock");
    let plain = stage.command(&arguments);
    let mut ahead = Command::new("faketime");
    ahead
        .args(["-f", "+10m"])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(plain.get_current_dir().unwrap())
        .env_clear();
    for (name, value) in plain.get_envs() {
        ahead.env(name, value.unwrap_or_default());
    }
    let said: Ran = ahead.output().expect("faketime can be started").into();
    let said = said.exits(0).says("[WARN] This machine's clock is ");
    assert!(
        said.stderr.contains(" s ahead of the cluster's"),
        "{}",
        said.stderr
    );
}

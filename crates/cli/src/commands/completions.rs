//! `consign completions`.

use clap::CommandFactory as _;
use serde_json::Value;

use crate::args::{Cli, Completions};
use crate::outcome::Outcome;
use crate::screen::Screen;

/// Prints a shell's completions.
pub fn run(args: &Completions, screen: &mut Screen) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "consign", &mut script);
    screen.answer(&script);
    Outcome::done(Value::Null)
}

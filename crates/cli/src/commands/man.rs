//! `consign man`.

use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use model::finding::{Class, Finding};
use serde_json::{Value, json};

use crate::args::{Cli, Man};
use crate::environment::Environment;
use crate::outcome::Outcome;
use crate::screen::{Screen, Tag, line};

/// Prints the manual page, or writes one for every command.
pub fn run(
    args: &Man,
    environment: &Environment,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let mut command = Cli::command();
    command.build();
    let Some(directory) = &args.output else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|e| unwritten(Path::new("the page"), &e))?;
        screen.answer(&page);
        return Ok(Outcome::done(Value::Null));
    };
    let directory = environment.here.join(directory);
    std::fs::create_dir_all(&directory).map_err(|e| unwritten(&directory, &e))?;
    clap_mangen::generate_to(command, &directory).map_err(|e| unwritten(&directory, &e))?;
    screen.report(&[line(
        Tag::Ok,
        format!("Manual pages written: {}", directory.display()),
    )]);
    Ok(Outcome::done(
        json!({ "path": directory.display().to_string() }),
    ))
}

fn unwritten(what: &Path, e: &io::Error) -> Vec<Finding> {
    vec![
        Finding::error(
            "man-unwritten",
            Class::Io,
            format!("Cannot write {}: {e}", what.display()),
        )
        .help("Give another directory with --output"),
    ]
}

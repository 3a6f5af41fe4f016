//! consign: immutable deployment packages for Kubernetes.
//!
//! This is floor 3, the only one that speaks to people: arguments and settings
//! in, lines and exit codes out. The modules are listed bottom-up: a module
//! names only modules above it.

mod span;

mod args;
mod exit;

mod screen;

mod process;
mod state_file;

mod created;
mod environment;
mod listing;
mod outcome;
mod signals;

mod settings;

mod root;

mod package_place;
mod source;

mod resolve;

mod images_there;

mod earlier;
mod making;
mod runtime;
mod table;
mod telling;
mod tracked;

mod rolling;

mod commands;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;
use model::finding::{Class, Finding};

use args::{Choice, Cli, Format, Verbosity};
use environment::Environment;
use exit::Exit;
use outcome::Outcome;
use screen::{Screen, Tag, line};

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        plain_screen(Format::Text).say(&[
            line(Tag::Error, format!("consign failed unexpectedly: {panic}")),
            line(
                Tag::Error,
                "This is a bug; nothing half-done was published. Please report it with the command you ran",
            ),
        ]);
    }));
    let exit = std::panic::catch_unwind(run).unwrap_or(Exit::Bug);
    ExitCode::from(exit as u8)
}

fn run() -> Exit {
    signals::listen();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return usage(&e),
    };
    let environment = match Environment::read() {
        Ok(environment) => environment,
        Err(e) => {
            return finish(
                plain_screen(cli.global.format),
                &Finding::error(
                    "here-missing",
                    Class::Io,
                    format!("Cannot find the current directory: {e}"),
                )
                .help("Change to a directory that exists")
                .into(),
            );
        }
    };
    let mut screen = Screen::new(
        cli.global.format,
        cli.global.verbosity(),
        cli.global.color,
        cli.global.progress,
        environment.colour,
    );
    let outcome = commands::run(&cli, &environment, &mut screen);
    finish(screen, &outcome)
}

/// Says what is still to be said, in the way that was asked for.
fn finish(mut screen: Screen, outcome: &Outcome) -> Exit {
    match screen.format() {
        Format::Text => screen.findings(&outcome.findings),
        Format::Json => screen.answer(outcome.document().as_bytes()),
    }
    screen.finish(outcome.exit)
}

/// A screen for what is said before the arguments are known.
fn plain_screen(format: Format) -> Screen {
    Screen::new(
        format,
        Verbosity::Normal,
        Choice::Auto,
        Choice::Never,
        screen::ColourEnvironment::default(),
    )
}

/// What clap has to say: help and version are answers, all else is usage.
fn usage(error: &clap::Error) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let mut screen = plain_screen(Format::Text);
            screen.answer(error.render().to_string().as_bytes());
            screen.finish(Exit::Done)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            screen::say_help(&error.render().to_string());
            Exit::Usage
        }
        _ => {
            let rendered = error.render().to_string();
            let mut lines = rendered.lines().map(str::trim).filter(|l| !l.is_empty());
            let what = lines.next().unwrap_or_default();
            let rest: Vec<&str> = lines.filter(|l| !l.starts_with("For more")).collect();
            let finding = Finding::error(
                "usage",
                Class::Usage,
                what.strip_prefix("error: ").unwrap_or(what),
            )
            .help(format!("{}; see --help", rest.join(" ")));
            finish(plain_screen(asked_format()), &finding.into())
        }
    }
}

/// Whether JSON is asked for, read off arguments that could not be parsed.
fn asked_format() -> Format {
    let arguments: Vec<String> = std::env::args_os()
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let json = arguments.iter().any(|a| a == "--format=json")
        || arguments
            .windows(2)
            .any(|pair| pair[0] == "--format" && pair[1] == "json")
        || std::env::var("CONSIGN_FORMAT").is_ok_and(|v| v == "json");
    if json { Format::Json } else { Format::Text }
}

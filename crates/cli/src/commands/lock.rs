//! `consign lock`.

use std::time::Duration;

use model::finding::Finding;
use model::name::ClientName;
use package::images::ImageLock;
use serde_json::{Value, json};

use crate::args;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::resolve;
use crate::root::Hosting;
use crate::screen::{Screen, Tag, line};
use crate::source::{self, Source};

/// Writes the locks.
pub fn run(
    args: &args::Lock,
    hosting: &Hosting,
    environment: &Environment,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let clients = super::chosen(&args.client, args.all, hosting)?;
    let mut outcome = Outcome::done(Value::Null);
    let mut answers = Vec::new();
    let progress = screen.progress("Locking", clients.len());
    for client in clients {
        match one(args, hosting, environment, client, screen) {
            Ok(answer) => answers.push(answer),
            Err(findings) => {
                screen.findings(&findings);
                outcome.exit = outcome.exit.and(Exit::of(&findings));
                outcome.told.extend(findings);
            }
        }
        progress.step();
    }
    outcome.data = json!({ "locks": answers });
    Ok(outcome)
}

fn one(
    args: &args::Lock,
    hosting: &Hosting,
    environment: &Environment,
    client: ClientName,
    screen: &mut Screen,
) -> Result<Value, Vec<Finding>> {
    let source = Source::find(hosting, client)?;
    let rendered = source.render()?;
    let found = source.images(&rendered.objects);
    if found.findings.iter().any(Finding::is_error) {
        return Err(found.findings);
    }
    let old = source.lock()?;
    let known = old.clone().unwrap_or_default();
    let named = found.set();
    let mut lock = ImageLock::default();
    if !args.update {
        for image in &named {
            if let Some(locked) = known.get(image) {
                lock.insert(image, locked.clone());
            }
        }
    }
    let missing = source::floating(&found, &lock);
    resolve::add(
        &mut lock,
        &missing,
        &hosting.settings,
        environment,
        Duration::from_secs(args.deadline),
    )?;
    let path = source.lock_path();
    let changed = old.as_ref() != Some(&lock);
    if changed {
        hosting
            .root
            .replace(&path, lock.print().as_bytes())
            .map_err(|e| vec![e.into()])?;
    }
    let mut lines = Vec::new();
    for (image, locked) in lock.iter() {
        let what = match known.get(image) {
            None => "added",
            Some(before) if before.digest != locked.digest => "changed",
            Some(_) => continue,
        };
        lines.push(line(
            Tag::Info,
            format!("{image}: {what}: {}", locked.digest),
        ));
    }
    for (image, _) in known.iter().filter(|(image, _)| lock.get(image).is_none()) {
        lines.push(line(Tag::Info, format!("{image}: removed")));
    }
    lines.push(line(
        Tag::Ok,
        format!(
            "{path}: {} images locked{}",
            lock.iter().count(),
            if changed { "" } else { ", nothing changed" }
        ),
    ));
    screen.report(&lines);
    Ok(json!({
        "client": source.client.as_str(),
        "path": path.as_str(),
        "changed": changed,
        "images": lock
            .iter()
            .map(|(image, locked)| json!({
                "image": image.to_string(),
                "digest": locked.digest.to_string(),
                "mediaType": locked.media_type,
            }))
            .collect::<Vec<_>>(),
    }))
}

//! What a file says that cannot be right.

use std::collections::BTreeMap;

use model::finding::{Class, Finding};
use model::name::ClientName;
use model::version::{PackageName, Version};

use super::FILE;
use super::context::ContextName;
use super::status::Status;
use super::view::{Package, Tracking};

/// What the file says that cannot be right, as warnings with lines, in the
/// file's order: a client or a version listed twice, two active versions in one
/// context, an active version that has no package, unknown statuses and times.
///
/// `packages` are the packages that there are.
pub fn doubts(view: &Tracking, packages: &[PackageName]) -> Vec<Finding> {
    let mut out = view.warnings.clone();
    let mut lines: BTreeMap<&ClientName, u32> = BTreeMap::new();
    for client in &view.clients {
        if let Some(line) = lines.get(&client.name) {
            let message = format!(
                "client {} is listed twice, first on line {line}",
                client.name
            );
            out.push(warning("clients-duplicate", client.line, message));
        } else {
            lines.insert(&client.name, client.line);
        }
    }
    for client in lines.keys() {
        versions(view, client, &mut out);
        active(view, client, packages, &mut out);
    }
    out.sort_by_key(|f| f.place.as_ref().and_then(|p| p.line));
    out
}

fn warning(code: &'static str, line: u32, message: String) -> Finding {
    Finding::warning(code, Class::Integrity, message).at(FILE, line)
}

fn versions(view: &Tracking, client: &ClientName, out: &mut Vec<Finding>) {
    let mut lines: BTreeMap<&Version, u32> = BTreeMap::new();
    for package in view.packages_of(client) {
        let version = &package.version;
        match lines.get(version) {
            Some(line) => {
                let message = format!("{client} {version} is listed twice, first on line {line}");
                out.push(warning("clients-duplicate", package.line, message));
            }
            None => {
                lines.insert(version, package.line);
            }
        }
    }
}

fn active(view: &Tracking, client: &ClientName, packages: &[PackageName], out: &mut Vec<Finding>) {
    // The plain fields are those of the primary context, whatever its name.
    let mut first: BTreeMap<Option<&ContextName>, &Package> = BTreeMap::new();
    for package in view.packages_of(client) {
        let plain = (package.status == Some(Status::Active)).then_some((None, package.line));
        let named = package.contexts.iter();
        let named = named.filter(|c| c.status == Some(Status::Active));
        let named = named.map(|c| (Some(&c.context), c.line));
        for (context, line) in plain.into_iter().chain(named) {
            let Some(other) = first.get(&context).filter(|p| p.version != package.version) else {
                first.insert(context, package);
                continue;
            };
            let place = context.map_or(String::new(), |c| format!(" in context {c}"));
            let message = format!(
                "{client} {} is active{place}, and so is {} on line {}; only one can be",
                package.version, other.version, other.line
            );
            out.push(warning("clients-two-active", line, message));
        }
        let is = package.status == Some(Status::Active)
            || package
                .contexts
                .iter()
                .any(|c| c.status == Some(Status::Active));
        let there = packages
            .iter()
            .any(|p| p.client == *client && p.version == package.version);
        if is && !there {
            let message = format!(
                "{client} {} is active, but there is no package of it",
                package.version
            );
            out.push(warning("clients-no-package", package.line, message));
        }
    }
}

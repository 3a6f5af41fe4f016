//! `consign client`.

use model::files::Root;
use model::finding::Finding;
use model::name::ClientName;
use serde_json::{Value, json};

use crate::args::{self, ClientShow};
use crate::outcome::Outcome;
use crate::root::Hosting;
use crate::screen::{Line, Screen, Tag, line};
use crate::source::{self, Source};

/// Lists clients or shows one.
pub fn run(
    args: &args::Client,
    hosting: &Hosting,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    match args {
        args::Client::List => list(hosting, screen),
        args::Client::Show(args) => show(args, hosting, screen),
    }
}

fn packages(hosting: &Hosting) -> Result<catalog::packages::Packages, Vec<Finding>> {
    let directory = hosting.root.path().join(hosting.settings.packages.as_str());
    match Root::open(&directory).and_then(|root| catalog::packages::list(&root)) {
        Ok(packages) => Ok(packages),
        Err(e) if e.is_missing() => Ok(catalog::packages::Packages::default()),
        Err(e) => Err(vec![e.into()]),
    }
}

fn list(hosting: &Hosting, screen: &mut Screen) -> Result<Outcome, Vec<Finding>> {
    let clients = catalog::clients::list(&hosting.root, &hosting.settings.clients)
        .map_err(|e| vec![e.into()])?;
    let packages = packages(hosting)?;
    let width = clients
        .names
        .iter()
        .map(|c| c.as_str().len())
        .max()
        .unwrap_or(0)
        .max("CLIENT".len());
    let mut lines = vec![Line::Plain(format!(
        "{:width$}  PACKAGES  NEWEST",
        "CLIENT"
    ))];
    let mut rows = Vec::new();
    for client in &clients.names {
        let count = packages.of(client).count();
        let newest = packages.newest(client).map(|p| p.version.to_string());
        lines.push(Line::Plain(format!(
            "{client:width$}  {count:8}  {}",
            newest.as_deref().unwrap_or("-")
        )));
        rows.push(json!({ "name": client.as_str(), "packages": count, "newest": newest }));
    }
    for odd in &clients.odd {
        lines.push(line(
            Tag::Warn,
            format!(
                "{}/{odd} is not a client: its name is not allowed",
                hosting.settings.clients
            ),
        ));
    }
    screen.report(&lines);
    Ok(Outcome::done(json!({ "clients": rows })))
}

fn show(
    args: &ClientShow,
    hosting: &Hosting,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let name = args.name.as_deref().or(args.client.as_deref());
    let client: ClientName = source::client_name(name.unwrap_or_default()).map_err(|f| vec![f])?;
    let source = Source::find(hosting, client.clone())?;
    let namespace = hosting
        .settings
        .namespace_of(&client)
        .map_err(|f| vec![f])?;
    let rendered = source.render()?;
    let found = source.images(&rendered.objects);
    let lock = source.lock()?.unwrap_or_default();
    let floating = source::floating(&found, &lock);
    let packages = packages(hosting)?;

    let mut lines = vec![
        line(Tag::Info, format!("Client: {client}")),
        line(Tag::Info, format!("Namespace: {namespace}")),
        line(Tag::Info, format!("Source: {}", source.directory)),
        line(Tag::Info, format!("Objects: {}", rendered.objects.len())),
    ];
    lines.extend(
        rendered
            .objects
            .iter()
            .map(|o| Line::Plain(format!("  {o}"))),
    );
    let images = found.set();
    lines.push(line(Tag::Info, format!("Images: {}", images.len())));
    let mut image_rows = Vec::new();
    for image in &images {
        let digest = image.digest().or_else(|| lock.get(image).map(|l| l.digest));
        let shown = digest.map_or_else(|| "not locked".to_owned(), |d| d.to_string());
        lines.push(Line::Plain(format!("  {} {shown}", image.unpinned())));
        image_rows.push(json!({
            "image": image.to_string(),
            "digest": digest.map(|d| d.to_string()),
        }));
    }
    if !floating.is_empty() {
        lines.push(line(
            Tag::Warn,
            format!(
                "{} images are not locked; lock them with: consign lock --client {client}",
                floating.len()
            ),
        ));
    }
    let versions: Vec<String> = packages
        .of(&client)
        .map(|p| p.version.to_string())
        .collect();
    lines.push(line(Tag::Info, format!("Packages: {}", versions.len())));
    lines.extend(versions.iter().map(|v| Line::Plain(format!("  {v}"))));
    screen.report(&lines);
    let objects: Vec<Value> = rendered
        .objects
        .iter()
        .map(|o| {
            json!({
                "apiVersion": o.api_version(),
                "kind": o.kind(),
                "namespace": o.namespace(),
                "name": o.name(),
            })
        })
        .collect();
    Ok(Outcome::done(json!({
        "name": client.as_str(),
        "namespace": namespace.as_str(),
        "source": source.directory.as_str(),
        "objects": objects,
        "images": image_rows,
        "packages": versions,
    })))
}

//! One kustomization after another: resources, generators, components,
//! transformers, in kustomize's order.
//!
//! Source of the rule: kustomize v5.5.0, `api/internal/target/kusttarget.go`.

use model::files::Area;
use model::finding::{Class, Finding};
use model::path::RelPath;

use crate::generate::generate;
use crate::kustomization::{Kustomization, Line, Role};
use crate::load::LoadRestrictor;
use crate::load::{Directory, Loader, Named};
use crate::resmap::{ResMap, ResMapError};
use crate::source;
use crate::stages;

/// Objects of one build: ten times the largest installation that is known.
const OBJECTS_MAX: usize = 50_000;

/// A build under way.
#[derive(Debug)]
pub struct Build<'a> {
    pub(crate) loader: Loader<'a>,
    warnings: Vec<String>,
}

impl<'a> Build<'a> {
    /// One that reads from this area.
    pub fn new(area: &'a Area<'a>, restrictor: LoadRestrictor) -> Self {
        Self {
            loader: Loader::new(area, restrictor),
            warnings: Vec::new(),
        }
    }

    /// What was said on the way, in order.
    pub fn into_warnings(self) -> Vec<String> {
        self.warnings
    }

    /// Everything a directory's kustomization makes, names not followed yet,
    /// that kustomization, and its file.
    pub fn root(
        &mut self,
        path: &RelPath,
    ) -> Result<(ResMap, Kustomization, RelPath), Vec<Finding>> {
        let (directory, kustomization) = self.loader.root(path)?;
        let resources = self.run(&directory, &kustomization, ResMap::new())?;
        Ok((resources, kustomization, directory.file))
    }

    /// Does what a kustomization says to the resources there are.
    fn run(
        &mut self,
        directory: &Directory<'_>,
        kustomization: &Kustomization,
        mut resources: ResMap,
    ) -> Result<ResMap, Vec<Finding>> {
        self.warnings.extend(kustomization.warnings.iter().cloned());
        let mut findings = Vec::new();
        for entry in &kustomization.resources {
            if let Err(wrong) = self.resource(directory, entry, &mut resources) {
                findings.extend(wrong);
            }
            if resources.len() > OBJECTS_MAX {
                let message =
                    format!("limit exceeded: more than {OBJECTS_MAX} objects in one build");
                findings.push(directory.invalid(entry.line, message));
                break;
            }
        }
        let generated = generate(&self.loader, directory, kustomization);
        if !findings.is_empty() {
            findings.extend(generated.err().unwrap_or_default());
            return Err(findings);
        }
        for resource in generated? {
            let line = resource.object.origin.line;
            resources
                .absorb(resource)
                .map_err(|e| vec![collision(directory, line, &e)])?;
        }
        for entry in &kustomization.components {
            resources = self.component(directory, entry, resources)?;
        }
        stages::run(&self.loader, directory, kustomization, &mut resources)?;
        Ok(resources)
    }

    fn resource(
        &mut self,
        directory: &Directory<'_>,
        entry: &Line,
        resources: &mut ResMap,
    ) -> Result<(), Vec<Finding>> {
        let found = match self.loader.named(directory, entry).map_err(|f| vec![f])? {
            Named::File(path) => self.file(directory, entry, &path)?,
            Named::Directory(path) => {
                let (inner, kustomization) = self.loader.enter(directory, path, entry.line)?;
                if kustomization.role == Role::Component {
                    let message = format!(
                        "expected kind != 'Component' for path '{}'; list it in components",
                        inner.path
                    );
                    return Err(vec![directory.invalid(entry.line, message)]);
                }
                self.run(&inner, &kustomization, ResMap::new())?
            }
        };
        resources
            .append_all(found)
            .map_err(|e| vec![collision(directory, entry.line, &e)])
    }

    fn file(
        &self,
        directory: &Directory<'_>,
        entry: &Line,
        path: &RelPath,
    ) -> Result<ResMap, Vec<Finding>> {
        let (_, bytes) = self.loader.read(directory, entry).map_err(|f| vec![f])?;
        let text = self
            .loader
            .text(path, &bytes)
            .map_err(|f| vec![directory.explain(f)])?;
        let explain = |all: Vec<Finding>| -> Vec<Finding> {
            all.into_iter().map(|f| directory.explain(f)).collect()
        };
        let mut found = ResMap::new();
        for resource in
            source::resources(text, path.as_str(), &self.loader.limits).map_err(explain)?
        {
            let line = resource.object.origin.line;
            found.append(resource).map_err(|e| {
                let finding = Finding::error("resource-twice", Class::Usage, e.to_string());
                vec![directory.explain(finding.at(path.as_str(), line))]
            })?;
        }
        Ok(found)
    }

    fn component(
        &mut self,
        directory: &Directory<'_>,
        entry: &Line,
        resources: ResMap,
    ) -> Result<ResMap, Vec<Finding>> {
        let path = match self.loader.named(directory, entry).map_err(|f| vec![f])? {
            Named::Directory(path) => path,
            Named::File(_) => {
                let message = format!("component '{}' must be a directory", entry.text);
                return Err(vec![directory.invalid(entry.line, message)]);
            }
        };
        let (inner, kustomization) = self.loader.enter(directory, path, entry.line)?;
        if kustomization.role != Role::Component {
            let message = format!(
                "expected kind 'Component' for path '{}' but got 'Kustomization'; list it in resources",
                inner.path
            );
            return Err(vec![directory.invalid(entry.line, message)]);
        }
        self.run(&inner, &kustomization, resources)
    }
}

fn collision(directory: &Directory<'_>, line: u32, error: &ResMapError) -> Finding {
    let finding = Finding::error("resource-twice", Class::Usage, error.to_string());
    directory.locate(finding, line)
}

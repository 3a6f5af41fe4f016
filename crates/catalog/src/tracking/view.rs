//! What the file says, typed.

use model::finding::Finding;
use model::name::{ClientName, Namespace};
use model::version::Version;

use super::change::Primary;
use super::context::ContextName;
use super::status::Status;
use super::time::Time;

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tracking {
    /// Its clients, in the order written. Nothing keeps one from being written
    /// twice.
    pub clients: Vec<Client>,
    /// What was read and is odd: unknown statuses, times that are none.
    pub warnings: Vec<Finding>,
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name.
    pub name: ClientName,
    /// Its namespace, if said.
    pub namespace: Option<Namespace>,
    /// Its packages, in the order written, which is the order they were first
    /// deployed in: times may be equal, in the future or wrong.
    pub packages: Vec<Package>,
    /// The line it is on, from 1.
    pub line: u32,
}

/// A version of a client's package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Which version.
    pub version: Version,
    /// What became of it in the primary context, if that is said and known.
    pub status: Option<Status>,
    /// When it was last deployed to the primary context.
    pub deployed: Option<Time>,
    /// What became of it in each context, where there are several.
    pub contexts: Vec<InContext>,
    /// The line it is on, from 1.
    pub line: u32,
}

/// What became of a version in one context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InContext {
    /// Which context.
    pub context: ContextName,
    /// What became of it there.
    pub status: Option<Status>,
    /// When it was last deployed there.
    pub deployed: Option<Time>,
    /// The line it is on, from 1.
    pub line: u32,
}

impl Tracking {
    /// The packages of a client, in the order written.
    pub fn packages_of<'a>(&'a self, client: &'a ClientName) -> impl Iterator<Item = &'a Package> {
        let own = self.clients.iter().filter(move |c| c.name == *client);
        own.flat_map(|c| &c.packages)
    }

    /// The version that serves in a context: of several that are called so, the
    /// one written last.
    pub fn active(
        &self,
        client: &ClientName,
        context: &ContextName,
        primary: Primary,
    ) -> Option<&Package> {
        let own = self.clients.iter().filter(|c| c.name == *client);
        own.flat_map(|c| &c.packages)
            .rfind(|p| p.status_in(context, primary) == Some(Status::Active))
    }
}

impl Package {
    /// What is said of one context, if it is said by name.
    pub fn context(&self, context: &ContextName) -> Option<&InContext> {
        self.contexts.iter().find(|c| c.context == *context)
    }

    /// What became of it in a context: what is said by name, else in the
    /// primary context what the plain fields say.
    pub fn status_in(&self, context: &ContextName, primary: Primary) -> Option<Status> {
        match (self.context(context), primary) {
            (Some(named), _) => named.status,
            (None, Primary::Yes) => self.status,
            (None, Primary::No) => None,
        }
    }

    /// When it was last deployed to a context.
    pub fn deployed_in(&self, context: &ContextName, primary: Primary) -> Option<Time> {
        match (self.context(context), primary) {
            (Some(named), _) => named.deployed,
            (None, Primary::Yes) => self.deployed,
            (None, Primary::No) => None,
        }
    }
}

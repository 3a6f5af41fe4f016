//! The first look: what is wanted beside what is there, before the server is
//! asked anything.

use serde_json::Value;

use crate::desired::{Desired, Wanted};
use crate::fields::{self, Difference};
use crate::live::{self, Live};
use crate::object::ObjectId;
use crate::order::Reference;

/// What the user allows to be taken from others.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// Field managers whose fields are taken over.
    pub take_over: Vec<String>,
    /// Objects of others that are adopted.
    pub adopt: Adopt,
}

/// Which objects of others are adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopt {
    /// These.
    Named(Vec<Reference>),
    /// Whatever the package names.
    All,
}

impl Default for Adopt {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

impl Adopt {
    fn covers(&self, id: &ObjectId) -> bool {
        match self {
            Self::All => true,
            Self::Named(references) => references.iter().any(|r| r.means(id)),
        }
    }
}

/// How an object of others becomes ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// Plain `kubectl apply` made it: its fields become ours.
    ClientSide,
    /// The user asks for it.
    Asked,
}

/// How an object stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is not there.
    Missing,
    /// It is as it is wanted, and ours.
    Same,
    /// It differs, or this cannot be told from here.
    Differs(Difference),
    /// It is somebody else's: these managers'.
    Foreign(Vec<String>),
}

/// An object at first look.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its position in [`Wanted::objects`].
    pub wanted: usize,
    /// How it stands.
    pub state: State,
    /// What is applied.
    pub body: Value,
    /// The replicas that are handed over to an autoscaler first.
    pub handover: Option<i64>,
    /// How it becomes ours.
    pub adoption: Option<Adoption>,
}

impl Draft {
    /// What is tried: what is applied, with the replicas that a handover keeps.
    pub fn trial(&self) -> Value {
        let mut body = self.body.clone();
        if let Some(replicas) = self.handover {
            body["spec"]["replicas"] = Value::from(replicas);
        }
        body
    }
}

/// Looks at every object of a package.
pub fn drafts(wanted: &Wanted, live: &Live, choices: &Choices, namespace: &str) -> Vec<Draft> {
    let scaled = live::scaled(wanted.objects.iter().map(|d| &d.value));
    wanted
        .objects
        .iter()
        .enumerate()
        .map(|(at, desired)| {
            let is_scaled = live.is_scaled(&desired.id)
                || scaled.contains(&(desired.id.kind.clone(), desired.id.name.clone()));
            let place = Place {
                is_scaled,
                is_own: desired.id.namespace == namespace
                    || desired.id.is_namespace() && desired.id.name == namespace,
            };
            draft(at, desired, live, choices, &place)
        })
        .collect()
}

struct Place {
    /// An autoscaler scales it.
    is_scaled: bool,
    /// It is in the client's namespace, or is that.
    is_own: bool,
}

fn draft(at: usize, desired: &Desired, live: &Live, choices: &Choices, place: &Place) -> Draft {
    let mut draft = Draft {
        wanted: at,
        state: State::Missing,
        body: desired.value.clone(),
        handover: None,
        adoption: None,
    };
    let Some(object) = live.objects.get(&desired.id) else {
        return draft;
    };
    let plain_apply = place.is_own && fields::only_client_side(object);
    if !live.is_ours(object) {
        if choices.adopt.covers(&desired.id) {
            draft.adoption = Some(Adoption::Asked);
        } else if plain_apply {
            draft.adoption = Some(Adoption::ClientSide);
        } else if !(place.is_own && (desired.id.is_namespace() || desired.id.is_made_by_cluster()))
        {
            let managers = fields::strangers(object);
            draft.state = State::Foreign(managers.into_iter().map(str::to_owned).collect());
            return draft;
        }
    }
    if draft.adoption.is_none() && place.is_own && fields::has_client_side(object) {
        draft.adoption = Some(Adoption::ClientSide);
    }
    if place.is_scaled {
        if let Some(spec) = draft.body.get_mut("spec").and_then(Value::as_object_mut) {
            spec.shift_remove("replicas");
        }
        draft.handover = fields::ceded_replicas(object);
    }
    let nothing = Value::Null;
    let ours = fields::ours(object).unwrap_or(&nothing);
    let difference = fields::compare(&draft.body, object, ours);
    draft.state = if difference.is_none() && draft.handover.is_none() && draft.adoption.is_none() {
        State::Same
    } else {
        State::Differs(difference)
    };
    draft
}

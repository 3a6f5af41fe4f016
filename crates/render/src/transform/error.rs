//! Why a transformation failed.

use model::finding::{Class, Finding};

use crate::resource::{ResId, Resource};

use super::fieldspec::{FieldError, FieldSpec};

/// Why a transformation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// A field of an object is not what the transformer needs.
    #[error("{object}: field '{path}': {error}")]
    Field {
        /// The object, for people.
        object: String,
        /// The field's path.
        path: String,
        /// What is wrong.
        error: FieldError,
    },
    /// Two objects are the same one once they are in one namespace.
    #[error("namespace transformation produces ID conflict: {0}")]
    NamespaceConflict(ResId),
    /// A replica count names no object that could have one.
    #[error(
        "replicas: no Deployment, ReplicaSet, ReplicationController or StatefulSet named '{0}'"
    )]
    NoReplicas(String),
    /// An image's name is no regular expression.
    #[error("images: the name '{name}' is not a regular expression: {why}")]
    ImagePattern {
        /// The name.
        name: String,
        /// Why not.
        why: String,
    },
}

impl TransformError {
    /// A field of this object is wrong.
    pub fn field(object: &Resource, path: &str, error: FieldError) -> Self {
        Self::Field {
            object: object.describe(),
            path: path.to_owned(),
            error,
        }
    }

    /// The field of this specification in this object is wrong.
    pub fn spec(object: &Resource, spec: &FieldSpec, error: FieldError) -> Self {
        Self::field(object, &spec.path, error)
    }
}

impl From<TransformError> for Finding {
    fn from(error: TransformError) -> Self {
        let code = match &error {
            TransformError::Field { .. } => "transform-field",
            TransformError::NamespaceConflict(_) => "transform-namespace-conflict",
            TransformError::NoReplicas(_) => "transform-no-replicas",
            TransformError::ImagePattern { .. } => "transform-image-pattern",
        };
        Self::error(code, Class::Usage, error.to_string())
    }
}

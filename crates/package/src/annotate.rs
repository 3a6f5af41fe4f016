//! The version, written on workload controllers.

use model::object::Object;
use model::version::Version;

/// The annotation that says which version a controller belongs to.
pub const VERSION_ANNOTATION: &str = "deployment.version";

/// Writes [`VERSION_ANNOTATION`] on every workload controller.
pub fn annotate(_objects: &mut [Object], _version: &Version) {}

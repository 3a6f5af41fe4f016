//! Which fields of custom resources hold images, beyond pod templates.

/// A field of some objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldRule {
    /// The API group; any when `None`.
    pub group: Option<String>,
    /// The kind; any when `None`.
    pub kind: Option<String>,
    /// The object's name; any when `None`.
    pub name: Option<String>,
    /// The field.
    pub path: String,
}

/// What settings say about images in custom resources. The default covers pod
/// templates only, which no rule can leave out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageRules {
    /// Fields that hold images.
    pub include: Vec<FieldRule>,
    /// Fields that look like images and are none.
    pub exclude: Vec<FieldRule>,
}

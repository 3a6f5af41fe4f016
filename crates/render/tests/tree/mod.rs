//! Directories made for a test.

use std::fs;
use std::path::Path;

use model::files::{Area, Root};
use model::finding::Finding;
use model::path::RelPath;
use render::Options;

/// A directory that goes away with the test.
pub struct Tree(pub tempfile::TempDir);

impl Tree {
    /// With these files.
    pub fn new<P: AsRef<str>, T: AsRef<[u8]>>(files: impl IntoIterator<Item = (P, T)>) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            tree.put(path.as_ref(), text.as_ref());
        }
        tree
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn put(&self, path: &str, text: &[u8]) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Builds a directory; what lies in `denied` is for others.
    pub fn print(&self, own: &str, denied: &[&str]) -> Result<String, Vec<Finding>> {
        let root = Root::open(self.path()).unwrap();
        let own: RelPath = own.parse().unwrap();
        let denied = denied.iter().map(|d| d.parse().unwrap()).collect();
        let area = Area::new(&root, denied, own.clone());
        let rendered = render::build(&area, &own, &Options::default())?;
        render::print(&rendered.objects).map_err(|f| vec![f])
    }
}

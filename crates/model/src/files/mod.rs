//! Rooted files: the door to the disk.
//!
//! Everything consign reads or writes goes through a [`Root`], a directory
//! held by its descriptor: no path leads out of it, no symbolic link is
//! followed unless [`Root::resolve`] walked it, and swapping the directory for
//! another one while consign runs has no effect.
//!
//! - [`Root`] reads, lists, creates and replaces single files; [`Lock`] lets
//!   processes take turns at one.
//! - [`Area`] is what one client's build may read; it remembers what was read.
//! - [`FileTree`] is a package directory, every byte of it read once.
//! - [`publish`] makes a package directory appear whole or not at all.

mod error;

mod beneath;

mod root;

mod hardlink;

mod area;
mod tree;

mod sweep;

mod place;

mod publish;
mod write;

mod lock;
mod swap;

pub use area::{Area, AreaLimits, SourceFile};
pub use error::{FileCause, FileError, Kind, Step};
pub use lock::{Lock, LockError};
pub use publish::{FileMode, PublishError, PublishFile, publish};
pub use root::{Entry, EntryName, Root};
pub use rustix::io::Errno;
pub use swap::Swap;
pub use sweep::sweep;
pub use tree::{Content, FileTree, TreeEntry, TreeLimits, read_tree};

/// The most symbolic links followed for one path; Linux itself stops at 40.
pub const SYMLINKS_MAX: usize = 40;

/// The largest file that is read, in bytes, unless a setting says otherwise:
/// far above any manifest, far below what a machine has in memory.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

//! Rooted files: the door to the disk.

//! The six files of a package as one run of bytes, to be kept where there is
//! no directory: in a release record.
//!
//! It is a plain ustar archive, so that `tar` takes it apart where consign is
//! not at hand; names, order and every byte of the headers are fixed. What
//! differs from that in any way is refused: there is no path, link or size in
//! it that would have to be judged. What comes out is verified as any other
//! package by [`open`](crate::open::open()).

use std::sync::Arc;

use model::files::{Content, FileTree};

use crate::sealed::{self, FILES, Package};

/// The largest bundle that is taken apart, in bytes: as much as one file of a
/// package may have.
pub const BYTES_MAX: usize = 64 << 20;

/// Everything in a ustar archive is a multiple of this.
const BLOCK: usize = 512;

/// Two empty blocks end an archive.
const END: usize = 2 * BLOCK;

/// Where a header has the file's size, in octal digits.
const SIZE: std::ops::Range<usize> = 124..135;

/// Where it has the sum of its bytes, in octal digits.
const SUM: std::ops::Range<usize> = 148..156;

/// What is wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It is larger than [`BYTES_MAX`].
    #[error("the bundle has {0} bytes, more than {BYTES_MAX}")]
    Large(usize),
    /// It ends before this file does.
    #[error("the bundle is cut short in {0}")]
    Cut(&'static str),
    /// This file's header is another one than ours.
    #[error("the bundle has something else where {0} belongs")]
    Header(&'static str),
    /// There is more, or something else, after the last file.
    #[error("the bundle does not end after its last file")]
    End,
}

/// The package as one run of bytes; the same package always gives the same.
pub fn pack(package: &Package) -> Vec<u8> {
    let mut out = Vec::new();
    for file in package.files() {
        out.extend(header(file.path, file.mode, file.bytes.len()));
        out.extend_from_slice(file.bytes);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    out.resize(out.len() + END, 0);
    out
}

/// The files again, as if they had just been read from a directory of this
/// name. The tree is whole, and nothing more is known of it: it is still to be
/// opened.
pub fn unpack(name: &str, bytes: &[u8]) -> Result<FileTree, BundleError> {
    if bytes.len() > BYTES_MAX {
        return Err(BundleError::Large(bytes.len()));
    }
    let mut rest = bytes;
    let mut take = |length: usize, path| {
        let (taken, after) = rest
            .split_at_checked(length)
            .ok_or(BundleError::Cut(path))?;
        rest = after;
        Ok(taken)
    };
    let mut paths = FILES;
    paths.sort_unstable();
    let mut entries = vec![sealed::manifests_entry()];
    for path in paths {
        let told = take(BLOCK, path)?;
        let size = size(&told[SIZE]).ok_or(BundleError::Header(path))?;
        if told != header(path, sealed::mode(path), size) {
            return Err(BundleError::Header(path));
        }
        let padded = size.checked_next_multiple_of(BLOCK);
        let taken = take(padded.ok_or(BundleError::Cut(path))?, path)?;
        let (content, padding) = taken.split_at(size);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(BundleError::Header(path));
        }
        let content = Content::Bytes(Arc::new(content.to_vec()));
        entries.push(sealed::file_entry(path, size, content));
    }
    if rest.len() != END || rest.iter().any(|byte| *byte != 0) {
        return Err(BundleError::End);
    }
    Ok(FileTree::new(name, entries))
}

/// A file's header: owned by nobody in particular, as old as time.
fn header(path: &str, mode: u32, size: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put =
        |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path);
    put(100, &format!("{mode:07o}"));
    put(108, "0000000");
    put(116, "0000000");
    put(SIZE.start, &format!("{size:011o}"));
    put(136, "00000000000");
    put(SUM.start, "        ");
    put(156, "0");
    put(257, "ustar\0");
    put(263, "00");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[SUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn size(digits: &[u8]) -> Option<usize> {
    digits.iter().try_fold(0, |size: usize, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        size.checked_mul(8)?.checked_add(usize::from(digit))
    })
}

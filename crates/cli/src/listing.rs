//! What `ls -l` prints of a directory: the specification shows it after a
//! package was made.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Bytes of the blocks that `st_blocks` counts.
const STAT_BLOCK: u64 = 512;
/// Bytes of the blocks that `ls` totals.
const LS_BLOCK: u64 = 1024;

/// The heading and the lines; none when the directory cannot be read, since
/// this only shows what was already said.
pub fn of(directory: &Path) -> Vec<String> {
    let mut rows = Vec::new();
    let mut blocks = 0;
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    for entry in entries.flatten() {
        if let Ok(meta) = entry.metadata() {
            blocks += meta.blocks();
            rows.push((entry.file_name().to_string_lossy().into_owned(), meta));
        }
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let users = Names::read("/etc/passwd");
    let groups = Names::read("/etc/group");
    let mut lines = vec![
        "Package contents:".to_owned(),
        format!("total {}", blocks * STAT_BLOCK / LS_BLOCK),
    ];
    let size_width = rows.iter().map(|(_, m)| m.len().to_string().len()).max();
    for (name, meta) in &rows {
        lines.push(format!(
            "{} {} {} {} {:>width$} {} {name}",
            mode(meta),
            meta.nlink(),
            users.of(meta.uid()),
            groups.of(meta.gid()),
            meta.len(),
            time(meta.mtime()),
            width = size_width.unwrap_or(0),
        ));
    }
    lines
}

fn mode(meta: &std::fs::Metadata) -> String {
    let bits = meta.permissions().mode();
    let mut out = String::from(if meta.is_dir() { "d" } else { "-" });
    for shift in [6, 3, 0] {
        for (bit, c) in [(4, 'r'), (2, 'w'), (1, 'x')] {
            out.push(if bits >> shift & bit != 0 { c } else { '-' });
        }
    }
    out
}

fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|t| {
            t.to_zoned(TimeZone::system())
                .strftime("%b %e %H:%M")
                .to_string()
        })
        .unwrap_or_default()
}

/// Names of users or groups by number, from the system's own files.
struct Names(Vec<(u32, String)>);

impl Names {
    fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        Self(
            text.lines()
                .filter_map(|line| {
                    let mut fields = line.split(':');
                    let name = fields.next()?;
                    let id = fields.nth(1)?.parse().ok()?;
                    Some((id, name.to_owned()))
                })
                .collect(),
        )
    }

    fn of(&self, id: u32) -> String {
        self.0
            .iter()
            .find(|(known, _)| *known == id)
            .map_or_else(|| id.to_string(), |(_, name)| name.clone())
    }
}

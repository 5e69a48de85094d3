//! Reading rows from files that people prepared: bounded line length, and every wrong row named with file, row and
//! reason. Owns no format; must never panic on what a file holds.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// Longest line read, in bytes. A longer one is a wrong row; its rest is skipped without being stored.
pub const MAX_LINE: usize = 4 << 20;

/// Wrong rows kept in full; of the others only the count is.
const KEPT: usize = 100;

/// A row that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RowError {
    /// File the row is in.
    pub file: PathBuf,
    /// 1-based line number, or row number of a sheet (the header is row 1).
    pub row: usize,
    /// What is wrong with it, in words.
    pub reason: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.row, self.reason)
    }
}

/// What to do with wrong rows, and those met so far.
#[derive(Debug, Clone, Default)]
pub struct Skipped {
    strict: bool,
    count: usize,
    first: Vec<RowError>,
}

impl Skipped {
    /// Wrong rows are counted and skipped, or, if `strict`, are an error.
    pub fn new(strict: bool) -> Self {
        Self { strict, ..Self::default() }
    }

    /// Records a wrong row.
    ///
    /// # Errors
    /// The row itself when reading is strict.
    pub fn record(&mut self, error: RowError) -> Result<(), RowError> {
        if self.strict {
            return Err(error);
        }
        self.count += 1;
        if self.first.len() < KEPT {
            self.first.push(error);
        }
        Ok(())
    }

    /// Number of rows skipped.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first skipped rows, at most 100.
    pub fn first(&self) -> &[RowError] {
        &self.first
    }

    /// Adds what another reader skipped.
    pub fn extend(&mut self, other: Skipped) {
        self.count += other.count;
        self.first.extend(other.first);
        self.first.truncate(KEPT);
    }

    /// The first wrong row of `file` as the end of an error message, or an empty string.
    pub fn hint(&self, file: &Path) -> String {
        let first = self.first.iter().find(|error| error.file == file);
        first.map_or(String::new(), |error| format!("; first wrong row: {}: {}", error.row, error.reason))
    }
}

/// Calls `each` with the number and text of every non-blank line of a UTF-8 file; a leading byte-order mark is dropped.
/// What `each` refuses, lines that are not UTF-8 and lines over [`MAX_LINE`] go to `skipped`. Every byte read is fed
/// to `hash`.
///
/// # Errors
/// The file cannot be read, is empty, is binary or UTF-16, or (strict) has a wrong row.
pub fn read_lines(
    path: &Path,
    skipped: &mut Skipped,
    hash: &mut Sha256,
    mut each: impl FnMut(usize, &str) -> Result<(), String>,
) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    check_is_text(path, reader.fill_buf().with_context(|| format!("cannot read {}", path.display()))?)?;
    let mut line = Vec::new();
    for row in 1.. {
        let Some(length) = next_line(&mut reader, &mut line, hash)
            .with_context(|| format!("cannot read {} at line {row}", path.display()))?
        else {
            break;
        };
        let bytes = if row == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
        let result = if length > MAX_LINE {
            Err(format!("line of {length} bytes; at most {MAX_LINE} are read"))
        } else {
            match std::str::from_utf8(bytes) {
                Ok(text) if text.trim().is_empty() => Ok(()),
                Ok(text) => each(row, text.trim_end_matches('\r')),
                Err(error) => Err(format!("not UTF-8 (byte {} of the line)", error.valid_up_to() + 1)),
            }
        };
        if let Err(reason) = result {
            skipped.record(RowError { file: path.to_owned(), row, reason })?;
        }
    }
    Ok(())
}

/// The JSON value in one line.
///
/// # Errors
/// In words, what is wrong with it. (The row is known: of serde_json's place only the column is of use.)
pub fn parse_json<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| {
        let text = error.to_string();
        let reason = text.split(" at line ").next().unwrap_or_default();
        let kind = if error.is_data() { "" } else { "not JSON: " };
        format!("{kind}{reason} (column {})", error.column())
    })
}

/// Refuses an empty file and one whose beginning cannot be text.
pub(super) fn check_is_text(path: &Path, head: &[u8]) -> anyhow::Result<()> {
    if head.is_empty() {
        bail!("{} is empty; a row on each line is expected", path.display());
    }
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        bail!("{} is UTF-16; save it as UTF-8", path.display());
    }
    if head.contains(&0) {
        bail!("{} is binary, not text; save it as UTF-8 text", path.display());
    }
    Ok(())
}

/// Reads up to the next line feed into `line` (at most [`MAX_LINE`] bytes of it, without the feed); the length of the
/// whole line, or `None` at the end of the file.
fn next_line(
    reader: &mut impl BufRead,
    line: &mut Vec<u8>,
    hash: &mut Sha256,
) -> std::io::Result<Option<usize>> {
    line.clear();
    let (mut length, mut any) = (0, false);
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any.then_some(length));
        }
        any = true;
        let feed = buffer.iter().position(|&byte| byte == b'\n');
        let part = &buffer[..feed.unwrap_or(buffer.len())];
        let used = part.len() + usize::from(feed.is_some());
        length += part.len();
        let room = MAX_LINE.saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        hash.update(&buffer[..used]);
        reader.consume(used);
        if feed.is_some() {
            return Ok(Some(length));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(bytes: &[u8], strict: bool) -> anyhow::Result<(Vec<(usize, String)>, Skipped)> {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(file.path(), bytes).expect("written");
        let (mut lines, mut skipped) = (Vec::new(), Skipped::new(strict));
        read_lines(file.path(), &mut skipped, &mut Sha256::new(), |row, text| {
            if text == "bad" {
                return Err("is bad".into());
            }
            lines.push((row, text.to_owned()));
            Ok(())
        })?;
        Ok((lines, skipped))
    }

    #[test]
    fn lines_are_numbered_and_blank_ones_and_the_mark_dropped() {
        let (lines, skipped) = lines_of(b"\xef\xbb\xbfa\r\n\n b\nbad\nc", false).expect("readable");
        assert_eq!(lines, [(1, "a".into()), (3, " b".into()), (5, "c".into())]);
        assert_eq!((skipped.count(), skipped.first()[0].row), (1, 4));
    }

    #[test]
    fn strict_reading_stops_at_the_first_wrong_row_and_names_it() {
        let error = lines_of(b"a\nbad\n", true).expect_err("strict").to_string();
        assert!(error.ends_with(":2: is bad"), "{error}");
    }

    #[test]
    fn an_overlong_line_is_skipped_and_the_next_one_read() {
        let mut bytes = vec![b'x'; MAX_LINE + 7];
        bytes.extend(b"\nafter\n\xff\xfe\n");
        let (lines, skipped) = lines_of(&bytes, false).expect("readable");
        assert_eq!(lines, [(2, "after".into())]);
        assert_eq!(skipped.count(), 2);
        assert!(skipped.first()[0].reason.contains("at most"));
        assert!(skipped.first()[1].reason.contains("not UTF-8"));
    }

    #[test]
    fn empty_binary_and_utf_16_files_are_refused_in_words() {
        for (bytes, word) in [
            (&b""[..], "empty"),
            (b"\x00\x01", "binary"),
            (b"\xff\xfea\x00", "UTF-16"),
            (b"PK\x03\x04\x00", "binary"),
        ] {
            let error = lines_of(bytes, false).expect_err("refused").to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}

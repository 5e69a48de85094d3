//! Tables that people keep: CSV, TSV and Excel sheets, in whatever encoding a Japanese office saved them. Gives rows of
//! text under a header within bounds, so that no file costs more memory than it should; knows nothing of what the
//! columns mean. Import, export and evaluation read through here.

mod text;
mod workbook;

use serde::{Deserialize, Serialize};

pub use text::decode;

/// Largest file read, in bytes: it is held in memory.
pub const MAX_BYTES: usize = 64 << 20;
/// Most columns of a sheet.
pub const MAX_COLUMNS: usize = 256;
/// Most rows of a sheet, the header included.
pub const MAX_ROWS: usize = 200_000;
/// Longest cell, in bytes.
pub const MAX_CELL: usize = 1 << 20;
/// Most bytes the parts of a workbook may have together once unpacked.
pub const MAX_UNPACKED: u64 = 128 << 20;

/// A header and the rows below it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Table {
    /// Column names, trimmed.
    pub header: Vec<String>,
    /// Rows with as many cells as the header has.
    pub rows: Vec<Line>,
    /// Rows that do not fit under the header, with the reason in words.
    pub wrong: Vec<(usize, String)>,
    /// What it was read as: an encoding's name, or the name of the sheet of a workbook.
    pub read_as: String,
    /// Names of all sheets of a workbook; empty for text.
    pub sheets: Vec<String>,
}

/// One row of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Line {
    /// The header is row 1; in CSV and TSV the line the row starts on.
    pub number: usize,
    /// Its cells.
    pub cells: Vec<String>,
}

/// Why a file is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// More bytes than are read.
    #[error("the file is larger than {} MiB; split it", MAX_BYTES >> 20)]
    TooLarge,
    /// Bytes that are not text.
    #[error("the file is binary, not text")]
    Binary,
    /// In no known encoding.
    #[error("neither UTF-8, Shift_JIS nor EUC-JP text; save it as UTF-8")]
    Encoding,
    /// Only blank rows.
    #[error("the file has no header row")]
    NoHeader,
    /// More columns than a sheet may have.
    #[error("{0} columns; at most {MAX_COLUMNS} are read: remove what does not belong to the table")]
    TooManyColumns(usize),
    /// More rows than a sheet may have.
    #[error("more than {MAX_ROWS} rows; split the file")]
    TooManyRows,
    /// A cell longer than one may be.
    #[error("row {0} has a cell of more than {kib} KiB; shorten it", kib = MAX_CELL >> 10)]
    CellTooLong(usize),
    /// A quotation mark that is never closed, so that the rest of the file would be one cell.
    #[error("the quotation mark opened on line {0} is never closed; add the closing \" and try again")]
    UnclosedQuote(usize),
    /// A damaged workbook, or something else in an archive.
    #[error("not a readable workbook ({0}); save it as .xlsx again")]
    NotAWorkbook(String),
    /// An Excel file of before 2007.
    #[error("an old Excel file (.xls); save it as .xlsx")]
    OldWorkbook,
    /// A workbook that unpacks to far more than it seems.
    #[error("the workbook unpacks to more than {} MiB; split it", MAX_UNPACKED >> 20)]
    Expands,
}

impl SheetError {
    /// Stable snake-case name, by which messages are found.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::Binary => "binary",
            Self::Encoding => "encoding",
            Self::NoHeader => "no_header",
            Self::TooManyColumns(_) => "too_many_columns",
            Self::TooManyRows => "too_many_rows",
            Self::CellTooLong(_) => "cell_too_long",
            Self::UnclosedQuote(_) => "unclosed_quote",
            Self::NotAWorkbook(_) => "not_a_workbook",
            Self::OldWorkbook => "old_workbook",
            Self::Expands => "expands",
        }
    }

    /// What the message's `{value}` stands for.
    pub fn value(&self) -> String {
        match self {
            Self::TooManyColumns(count) => count.to_string(),
            Self::CellTooLong(row) | Self::UnclosedQuote(row) => row.to_string(),
            Self::NotAWorkbook(reason) => reason.clone(),
            _ => String::new(),
        }
    }
}

/// Rows as they stand in a file, blank ones included.
pub(crate) struct Cells {
    lines: Vec<Line>,
    read_as: String,
    sheets: Vec<String>,
}

impl Table {
    /// Reads CSV, TSV (UTF-8 with or without byte-order mark, UTF-16 with one, Shift_JIS/CP932, EUC-JP) or an Excel
    /// workbook, of which the sheet called `wanted` is taken, else the first. `name` is the file's name: `.tsv` means
    /// tabs. Blank rows are dropped; rows with more cells than the header go to [`Table::wrong`].
    ///
    /// # Errors
    /// The bytes are no table, or one beyond the bounds above.
    pub fn read(name: &str, bytes: &[u8], wanted: &str) -> Result<Self, SheetError> {
        if bytes.is_empty() {
            return Err(SheetError::Empty);
        }
        if bytes.len() > MAX_BYTES {
            return Err(SheetError::TooLarge);
        }
        if bytes.starts_with(b"\xd0\xcf\x11\xe0") {
            return Err(SheetError::OldWorkbook);
        }
        let cells = if is_workbook(bytes) {
            workbook::cells(bytes, wanted)?
        } else {
            let (text, encoding) = decode(bytes)?;
            let is_tsv = name.to_lowercase().ends_with(".tsv");
            text::cells(&text, is_tsv, encoding.name())?
        };
        Self::of(cells)
    }

    fn of(cells: Cells) -> Result<Self, SheetError> {
        let is_blank = |line: &Line| line.cells.iter().all(|cell| cell.trim().is_empty());
        let mut lines = cells.lines.into_iter().filter(|line| !is_blank(line));
        let header = lines.next().ok_or(SheetError::NoHeader)?.cells;
        let mut header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        while header.last().is_some_and(String::is_empty) {
            header.pop();
        }
        let (mut rows, mut wrong) = (Vec::new(), Vec::new());
        for mut line in lines {
            if line.cells.iter().skip(header.len()).any(|cell| !cell.trim().is_empty()) {
                let reason = format!("{} cells under a header of {}", line.cells.len(), header.len());
                wrong.push((line.number, reason));
                continue;
            }
            line.cells.resize(header.len(), String::new());
            rows.push(line);
        }
        Ok(Self { header, rows, wrong, read_as: cells.read_as, sheets: cells.sheets })
    }

    /// Position of the column that has one of `names`; letter case, full width and space do not matter.
    pub fn column(&self, names: &[&str]) -> Option<usize> {
        self.header.iter().position(|header| names.iter().any(|name| simplified(header) == simplified(name)))
    }
}

/// Whether the bytes begin like an Excel workbook of today.
pub fn is_workbook(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// A column's name without what people vary: letter case, width, space and punctuation.
pub fn simplified(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    name.nfkc().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests;

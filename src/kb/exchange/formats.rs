//! The formats staff have. Each becomes a table with columns of the native sheet's names, so that one wizard, one
//! mapping and one list of rejected rows serve all of them.

mod json;
mod qna;
mod rasa;

use serde::{Deserialize, Serialize};

use super::cell::neutralise;
use super::{Defaults, Field, Issue, Mapping, Reading, Table, read_rows, vocabulary};
use crate::sheet::{self, Line, MAX_BYTES, SheetError, simplified};

/// A file format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The native sheet, or any other table with recognisable columns.
    Sheet,
    /// Two columns, question and answer.
    TwoColumns,
    /// QnA Maker or Azure custom question answering, exported as TSV.
    QnaMaker,
    /// Rasa training data: `nlu` with examples, `responses` with answers.
    Rasa,
    /// Zendesk help-centre articles.
    Zendesk,
    /// schema.org FAQPage as JSON-LD, by itself or in a page.
    FaqPage,
    /// The native JSON export.
    Json,
    /// The native sheet of synonyms.
    Synonyms,
}

impl Format {
    /// Stable snake-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sheet => "sheet",
            Self::TwoColumns => "two_columns",
            Self::QnaMaker => "qna_maker",
            Self::Rasa => "rasa",
            Self::Zendesk => "zendesk",
            Self::FaqPage => "faq_page",
            Self::Json => "json",
            Self::Synonyms => "synonyms",
        }
    }
}

/// A file that was read: a table with what it was and which column is guessed to be what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Its rows.
    pub table: Table,
    /// What it was taken for.
    pub format: Format,
    /// The guessed mapping.
    pub mapping: Mapping,
    /// What was doubtful in turning it into a table, by row number.
    pub notes: Vec<(usize, Issue)>,
}

impl Source {
    /// Reads the rows as [`read_rows`] does, with the format's own doubts beside them.
    pub fn rows(&self, mapping: &Mapping, defaults: &Defaults) -> Reading {
        let mut reading = read_rows(&self.table, mapping, defaults);
        for (number, issue) in &self.notes {
            if let Some(row) = reading.rows.iter_mut().find(|row| row.number == *number) {
                row.warnings.push(issue.clone());
            }
        }
        reading
    }
}

/// Why a file cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No table.
    #[error(transparent)]
    Sheet(#[from] SheetError),
    /// JSON or YAML with a mistake.
    #[error("the {format} file is malformed: {reason}")]
    Malformed {
        /// `JSON` or `YAML`.
        format: &'static str,
        /// What and where.
        reason: String,
    },
    /// Well-formed, but of no known format.
    #[error(
        "not a format that can be read; native sheet, QnA Maker TSV, question/answer CSV, Rasa YAML, Zendesk JSON or FAQPage JSON-LD is"
    )]
    Unknown,
    /// A known format without a single question.
    #[error("the file holds no question")]
    NoQuestion,
}

impl ReadError {
    /// Stable snake-case name, by which messages are found.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Sheet(error) => error.code(),
            Self::Malformed { .. } => "malformed",
            Self::Unknown => "unknown_format",
            Self::NoQuestion => "no_question",
        }
    }

    /// What the message's `{value}` stands for.
    pub fn value(&self) -> String {
        match self {
            Self::Sheet(error) => error.value(),
            Self::Malformed { format, reason } => format!("{format}: {reason}"),
            Self::Unknown | Self::NoQuestion => String::new(),
        }
    }
}

/// Reads a file of any format. `name` is its name; of a workbook the sheet called `wanted` is read, else the first.
///
/// # Errors
/// The bytes are of no known format, damaged, or beyond the bounds of [`crate::sheet`].
pub fn read(name: &str, bytes: &[u8], wanted: &str) -> Result<Source, ReadError> {
    if bytes.len() > MAX_BYTES {
        return Err(SheetError::TooLarge.into());
    }
    if !sheet::is_workbook(bytes) && !bytes.starts_with(b"\xd0\xcf\x11\xe0") && !bytes.is_empty() {
        let (text, _) = sheet::decode(bytes)?;
        let start = text.trim_start();
        if start.starts_with(['{', '[']) {
            return json::read(start);
        }
        if start.starts_with('<') {
            return json::read_page(start);
        }
        if rasa::is_likely(name, &text) {
            return rasa::read(&text);
        }
    }
    let table = Table::read(name, bytes, wanted)?;
    if qna::is_likely(&table) {
        return qna::read(&table);
    }
    if vocabulary::is_likely(&table) {
        return Ok(synonyms(table));
    }
    let mapping = Mapping::guess(&table);
    let format = if table.header.len() == 2 { Format::TwoColumns } else { Format::Sheet };
    Ok(Source { table, format, mapping, notes: Vec::new() })
}

/// The name of the synonyms' sheet in a native workbook.
pub(super) const SYNONYM_SHEET: &str = "同義語";

fn synonyms(table: Table) -> Source {
    Source { table, format: Format::Synonyms, mapping: Mapping::default(), notes: Vec::new() }
}

/// The synonyms of a workbook whose first sheet, `read`, holds something else.
pub fn synonyms_beside(name: &str, bytes: &[u8], read: &Source) -> Option<Source> {
    let is_there = read.table.sheets.iter().any(|sheet| sheet == SYNONYM_SHEET);
    if !is_there || read.format == Format::Synonyms {
        return None;
    }
    let table = Table::read(name, bytes, SYNONYM_SHEET).ok()?;
    (vocabulary::is_likely(&table) && !table.rows.is_empty()).then(|| synonyms(table))
}

/// Rows under the native sheet's column names.
#[derive(Debug, Default)]
struct Builder {
    fields: Vec<Field>,
    rows: Vec<Line>,
    wrong: Vec<(usize, String)>,
    notes: Vec<(usize, Issue)>,
}

impl Builder {
    fn new(fields: &[Field]) -> Self {
        Self { fields: fields.to_vec(), ..Self::default() }
    }

    fn push(&mut self, number: usize, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.fields.len());
        // Rows are read as a sheet's are: what looks like a formula is expected to be marked.
        let cells = cells.iter().map(|text| neutralise(text)).collect();
        self.rows.push(Line { number, cells });
    }

    fn finish(self, format: Format) -> Result<Source, ReadError> {
        if self.rows.is_empty() && self.wrong.is_empty() {
            return Err(ReadError::NoQuestion);
        }
        if self.rows.len() > sheet::MAX_ROWS {
            return Err(SheetError::TooManyRows.into());
        }
        let table = Table {
            header: self.fields.iter().map(|field| field.header(false).to_owned()).collect(),
            rows: self.rows,
            wrong: self.wrong,
            read_as: format.name().to_owned(),
            sheets: Vec::new(),
        };
        let mapping = Mapping(self.fields.iter().copied().zip(0..).collect());
        Ok(Source { table, format, mapping, notes: self.notes })
    }
}

/// HTML as Markdown; text without tags stays as it is. Says whether it was converted.
fn markdown(html: &str) -> (String, bool) {
    let has_tag = html.contains("</") || html.contains("/>") || simplified_tag(html);
    if !has_tag {
        return (html.to_owned(), false);
    }
    let converter = htmd::HtmlToMarkdown::builder().skip_tags(vec!["script", "style", "iframe"]).build();
    match converter.convert(html) {
        Ok(text) => (text, true),
        Err(_) => (html.to_owned(), false),
    }
}

fn simplified_tag(html: &str) -> bool {
    ["<br", "<p>", "<li>", "<hr"].iter().any(|tag| html.contains(tag))
}

/// Whether a table has all of these columns.
pub(super) fn has_columns(table: &Table, names: &[&str]) -> bool {
    names.iter().all(|name| table.header.iter().any(|header| simplified(header) == simplified(name)))
}

//! Writing entries: native CSV and XLSX, native JSON, FAQPage JSON-LD. What the native formats hold reads back as the
//! same entries; no cell starts a formula in a spreadsheet.

use rust_xlsxwriter::{Format, FormatAlign, Workbook, XlsxError};
use serde_json::{Value, json};

use super::cell::{self, Named, neutralise};
use super::{Field, Held};
use crate::kb::Entry;
use crate::text::Vocabulary;

/// The cells of an entry in the order of the native sheet, not yet made safe for a spreadsheet.
pub(super) fn cells(entry: &Entry, external_id: &str, english: bool) -> Vec<String> {
    let date = |date: Option<jiff::civil::Date>| date.map_or(String::new(), |date| date.to_string());
    let level = |number: usize| entry.category.get(number).cloned().unwrap_or_default();
    let cell = |field: Field| match field {
        Field::Id => entry.id.clone(),
        Field::ExternalId => external_id.to_owned(),
        Field::Category1 => level(0),
        Field::Category2 => level(1),
        Field::Category3 => level(2),
        Field::Question => entry.question.clone(),
        Field::Phrasings => entry.phrasings.join("\n"),
        Field::Answer => entry.answer.clone(),
        Field::Keywords => cell::join(&entry.keywords),
        Field::Language => entry.language.to_cell(english),
        Field::Status => entry.status.to_cell(english),
        Field::ValidFrom => date(entry.valid_from),
        Field::ValidUntil => date(entry.valid_until),
        Field::ReviewBy => date(entry.review_by),
        Field::Owner => entry.owner.clone(),
        Field::Audience => entry.audience.to_cell(english),
        Field::AnswerClass => entry.answer_class.to_cell(english),
        Field::Related => cell::join(&entry.related),
        Field::FollowUps => cell::join(&entry.follow_ups),
        Field::Sources => entry.sources.join("\n"),
        Field::Revision => entry.revision.to_string(),
        Field::Reviewed => date(entry.reviewed),
        Field::TranslationOf => entry.translation_of.clone().unwrap_or_default(),
    };
    Field::all().map(cell).collect()
}

/// The header of the native sheet.
fn header(english: bool) -> Vec<&'static str> {
    Field::all().map(|field| field.header(english)).collect()
}

/// The native sheet as CSV: UTF-8 with the byte-order mark that Excel needs to read Japanese.
pub fn csv(entries: &[Held], english: bool) -> Vec<u8> {
    let rows = entries
        .iter()
        .map(|held| cells(&held.entry, held.external_id.as_deref().unwrap_or_default(), english));
    table_csv(header(english).into_iter().map(str::to_owned).collect(), rows)
}

/// Rejected rows with their number and why, in words, beside the cells they had, so that a corrected file can be given in
/// again.
pub fn rejected_csv<'a>(
    columns: &[String],
    heads: [&str; 2],
    rejected: impl Iterator<Item = (usize, &'a [String], String)>,
) -> Vec<u8> {
    let heads = heads.into_iter().map(str::to_owned).chain(columns.iter().cloned()).collect();
    let rows = rejected.map(|(number, cells, why)| {
        let mut cells = cells.to_vec();
        cells.resize(columns.len(), String::new());
        [number.to_string(), why].into_iter().chain(cells).collect()
    });
    table_csv(heads, rows)
}

/// Any table as CSV with a byte-order mark, safe in a spreadsheet.
pub fn table_csv(header: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(vec![0xef, 0xbb, 0xbf]);
    for row in std::iter::once(header).chain(rows) {
        writer.write_record(row.iter().map(|cell| neutralise(cell))).expect("writing to memory");
    }
    writer.into_inner().expect("writing to memory")
}

/// The native workbook: the entries, and the vocabulary as sheet 同義語.
///
/// # Errors
/// A cell is longer than a workbook's may be (32,767 characters); CSV and JSON take it.
pub fn xlsx(entries: &[Held], vocabulary: &Vocabulary, english: bool) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let bold = Format::new().set_bold().set_text_wrap();
    let wrapped = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    let mut write = |name: &str, header: Vec<String>, rows: Vec<Vec<String>>| -> Result<(), XlsxError> {
        let sheet = workbook.add_worksheet().set_name(name)?;
        sheet.set_freeze_panes(1, 0)?;
        for (column, name) in (0..).zip(&header) {
            sheet.write_string_with_format(0, column, name, &bold)?;
            let is_text = name.contains("質問") || name.contains("回答") || name.contains("uestion");
            sheet.set_column_width(column, if is_text { 40 } else { 14 })?;
        }
        for (row, cells) in (1..).zip(rows) {
            for (column, cell) in (0..).zip(cells).filter(|(_, cell)| !cell.is_empty()) {
                sheet.write_string_with_format(row, column, neutralise(&cell), &wrapped)?;
            }
        }
        Ok(())
    };
    let rows = entries
        .iter()
        .map(|held| cells(&held.entry, held.external_id.as_deref().unwrap_or_default(), english))
        .collect();
    write("FAQ", header(english).into_iter().map(str::to_owned).collect(), rows)?;
    let (header, rows) = super::vocabulary::synonym_cells(vocabulary, english);
    write(super::formats::SYNONYM_SHEET, header, rows)?;
    workbook.save_to_buffer()
}

/// The native JSON: every field of every entry.
pub fn json(entries: &[Held]) -> String {
    let entries: Vec<Value> = entries
        .iter()
        .map(|held| {
            let mut value = serde_json::to_value(&held.entry).expect("an entry is plain data");
            if let (Some(object), Some(external)) = (value.as_object_mut(), &held.external_id) {
                object.insert("external_id".to_owned(), external.clone().into());
            }
            value
        })
        .collect();
    let file = json!({ "madoguchi": 1, "entries": entries });
    serde_json::to_string_pretty(&file).expect("plain data") + "\n"
}

/// schema.org FAQPage as JSON-LD, for a help centre's page; `html` renders an answer.
pub fn faq_page(entries: &[Entry], html: impl Fn(&Entry) -> String) -> String {
    let question = |entry: &Entry| {
        json!({
            "@type": "Question",
            "@id": format!("#{}", entry.id),
            "name": entry.question,
            "inLanguage": entry.language.tag(),
            "acceptedAnswer": { "@type": "Answer", "text": html(entry) },
        })
    };
    let page = json!({
        "@context": "https://schema.org",
        "@type": "FAQPage",
        "mainEntity": entries.iter().map(question).collect::<Vec<Value>>(),
    });
    serde_json::to_string_pretty(&page).expect("plain data") + "\n"
}

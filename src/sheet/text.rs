//! CSV and TSV: encoding, delimiter, quotation marks.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{EUC_JP, Encoding, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};

use super::{Cells, Line, MAX_CELL, MAX_COLUMNS, MAX_ROWS, SheetError};

/// Decodes text of unknown encoding: a byte-order mark decides, then UTF-8 if valid, then Shift_JIS (as CP932) or EUC-JP,
/// whichever fits without a single wrong byte; when both fit, the more likely one.
///
/// # Errors
/// No encoding fits, or the text holds NUL.
pub fn decode(bytes: &[u8]) -> Result<(String, &'static Encoding), SheetError> {
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let candidates: &[&'static Encoding] = match marked {
        Some(encoding) if encoding == UTF_16LE => &[UTF_16LE],
        Some(encoding) if encoding == UTF_16BE => &[UTF_16BE],
        Some(_) => &[UTF_8],
        None if bytes.contains(&0) => return Err(SheetError::Binary),
        None if std::str::from_utf8(bytes).is_ok() => &[UTF_8],
        None => {
            let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
            detector.feed(bytes, true);
            let guess = detector.guess(Some(b"jp"), Utf8Detection::Deny);
            if guess == EUC_JP { &[EUC_JP, SHIFT_JIS] } else { &[SHIFT_JIS, EUC_JP] }
        }
    };
    for encoding in candidates {
        let (text, _, has_errors) = encoding.decode(bytes);
        if !has_errors {
            return if text.contains('\0') {
                Err(SheetError::Binary)
            } else {
                Ok((text.into_owned(), encoding))
            };
        }
    }
    Err(SheetError::Encoding)
}

pub(super) fn cells(text: &str, is_tsv: bool, encoding: &str) -> Result<Cells, SheetError> {
    let first_line = text.lines().next().unwrap_or_default();
    let delimiter = if is_tsv || first_line.contains('\t') { b'\t' } else { b',' };
    // In a TSV that quotes nothing a cell may begin with a quotation mark.
    let quoted = match unclosed_quote(text, delimiter) {
        Some(line) if delimiter == b',' => return Err(SheetError::UnclosedQuote(line)),
        unclosed => unclosed.is_none(),
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .quoting(quoted)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut lines = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| SheetError::NotAWorkbook(error.to_string()))? {
        if record.len() > MAX_COLUMNS {
            return Err(SheetError::TooManyColumns(record.len()));
        }
        if lines.len() == MAX_ROWS {
            return Err(SheetError::TooManyRows);
        }
        let number = line_of(&record, text);
        if record.iter().any(|cell| cell.len() > MAX_CELL) {
            return Err(SheetError::CellTooLong(number));
        }
        lines.push(Line { number, cells: record.iter().map(str::to_owned).collect() });
    }
    Ok(Cells { lines, read_as: encoding.to_owned(), sheets: Vec::new() })
}

/// The position of a record is before the blank lines that precede it.
fn line_of(record: &csv::StringRecord, text: &str) -> usize {
    record.position().map_or(0, |position| {
        let rest = &text.as_bytes()[position.byte() as usize..];
        let blank = rest.iter().take_while(|byte| b"\r\n".contains(byte));
        position.line() as usize + blank.filter(|byte| **byte == b'\n').count()
    })
}

/// The line on which a quotation mark opens that is never closed. Reads quotes as the csv crate does: they open only at
/// the start of a cell, and a doubled one inside stands for itself.
fn unclosed_quote(text: &str, delimiter: u8) -> Option<usize> {
    let mut line = 1;
    let mut opened = None;
    let mut at_start = true;
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\n' {
            line += 1;
        }
        match (opened, byte) {
            (Some(_), b'"') if bytes.peek() == Some(&b'"') => drop(bytes.next()),
            (Some(_), b'"') => opened = None,
            (Some(_), _) => {}
            (None, b'"') if at_start => opened = Some(line),
            (None, _) => at_start = byte == delimiter || byte == b'\n' || byte == b'\r',
        }
        at_start &= opened.is_none();
    }
    opened
}

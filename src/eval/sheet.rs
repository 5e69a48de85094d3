//! Tables that people keep: CSV, TSV and Excel sheets, in whatever encoding a Japanese office saved them. Gives rows of
//! text under a header; knows nothing of what the columns mean.

use std::io::{Cursor, Read};
use std::path::Path;

use anyhow::{Context, bail};
use calamine::{Data, Reader};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{EUC_JP, Encoding, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};
use sha2::{Digest, Sha256};

use super::rows::{RowError, Skipped};

/// Largest sheet read, in bytes: it is held in memory.
pub const MAX_SHEET: usize = 64 << 20;

/// A sheet: a header and the rows below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Column names, trimmed.
    pub header: Vec<String>,
    /// Row number (the header is row 1; in CSV and TSV the line the row starts on) and cells, as many as the header has.
    pub rows: Vec<(usize, Vec<String>)>,
    /// What it was read as: an encoding's name, or the name of the sheet of a workbook.
    pub read_as: String,
}

impl Sheet {
    /// Reads CSV, TSV (UTF-8 with or without byte-order mark, UTF-16 with one, Shift_JIS/CP932, EUC-JP) or a workbook
    /// (XLSX, XLSM, XLSB, XLS, ODS), of which the sheet called `wanted` is taken, else the first. Blank rows are dropped;
    /// rows with more cells than the header are wrong rows.
    ///
    /// # Errors
    /// The file cannot be read, is empty, too large, in no known encoding or damaged, has no header, or (strict) has a
    /// wrong row.
    pub fn read(path: &Path, wanted: &str, skipped: &mut Skipped, hash: &mut Sha256) -> anyhow::Result<Self> {
        let bytes = read_bounded(path)?;
        hash.update(&bytes);
        if bytes.is_empty() {
            bail!("{} is empty", path.display());
        }
        let is_workbook = bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0");
        let (cells, read_as) =
            if is_workbook { workbook_cells(path, bytes, wanted)? } else { text_cells(path, &bytes)? };
        let mut cells = cells.into_iter().filter(|(_, row)| row.iter().any(|cell| !cell.trim().is_empty()));
        let Some((_, header)) = cells.next() else { bail!("{} has no header row", path.display()) };
        let mut header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        while header.last().is_some_and(String::is_empty) {
            header.pop();
        }
        let mut rows = Vec::new();
        for (number, mut row) in cells {
            if row.iter().skip(header.len()).any(|cell| !cell.trim().is_empty()) {
                let reason = format!("{} cells under a header of {}", row.len(), header.len());
                skipped.record(RowError { file: path.to_owned(), row: number, reason })?;
                continue;
            }
            row.resize(header.len(), String::new());
            rows.push((number, row));
        }
        Ok(Self { header, rows, read_as })
    }

    /// Position of the column that has one of `names`; letter case, full width and space do not matter.
    pub fn column(&self, names: &[&str]) -> Option<usize> {
        self.header.iter().position(|header| names.iter().any(|name| simplified(header) == simplified(name)))
    }
}

fn simplified(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    name.nfkc().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

type Cells = Vec<(usize, Vec<String>)>;

fn read_bounded(path: &Path) -> anyhow::Result<Vec<u8>> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut bytes = Vec::new();
    let limit = MAX_SHEET as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.len() > MAX_SHEET {
        bail!("{} is larger than {} MiB; split it", path.display(), MAX_SHEET >> 20);
    }
    Ok(bytes)
}

fn workbook_cells(path: &Path, bytes: Vec<u8>, wanted: &str) -> anyhow::Result<(Cells, String)> {
    let describe = || format!("{} is not a readable workbook", path.display());
    let mut workbook = calamine::open_workbook_auto_from_rs(Cursor::new(bytes)).with_context(describe)?;
    let names = workbook.sheet_names();
    let Some(name) = names.iter().find(|name| *name == wanted).or(names.first()).cloned() else {
        bail!("{} has no sheet", path.display());
    };
    let range = workbook.worksheet_range(&name).with_context(describe)?;
    let first = range.start().map_or(1, |(row, _)| row as usize + 1);
    let rows = range.rows().enumerate().map(|(i, row)| (first + i, row.iter().map(cell_text).collect()));
    Ok((rows.collect(), format!("sheet {name}")))
}

fn cell_text(cell: &Data) -> String {
    match cell {
        // Excel stores an id such as 12 as 12.0.
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        other => other.to_string(),
    }
}

fn text_cells(path: &Path, bytes: &[u8]) -> anyhow::Result<(Cells, String)> {
    let (text, encoding) = decode(bytes).with_context(|| path.display().to_string())?;
    if text.contains('\0') {
        bail!("{} is binary, not text", path.display());
    }
    let is_tsv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv"));
    let first_line = text.lines().next().unwrap_or_default();
    let delimiter = if is_tsv || first_line.contains('\t') { b'\t' } else { b',' };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut cells = Vec::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("{} is not a table", path.display()))?;
        // The position of a record is before the blank lines that precede it.
        let line = record.position().map_or(0, |position| {
            let blank =
                text.as_bytes()[position.byte() as usize..].iter().take_while(|byte| b"\r\n".contains(byte));
            position.line() as usize + blank.filter(|byte| **byte == b'\n').count()
        });
        cells.push((line, record.iter().map(str::to_owned).collect()));
    }
    Ok((cells, encoding.name().to_owned()))
}

/// Decodes text of unknown encoding: a byte-order mark decides, then UTF-8 if valid, then Shift_JIS (as CP932) or EUC-JP,
/// whichever fits without a single wrong byte; when both fit, the more likely one.
///
/// # Errors
/// No encoding fits.
pub fn decode(bytes: &[u8]) -> anyhow::Result<(String, &'static Encoding)> {
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let candidates: &[&'static Encoding] = match marked {
        Some(encoding) if encoding == UTF_16LE => &[UTF_16LE],
        Some(encoding) if encoding == UTF_16BE => &[UTF_16BE],
        Some(_) => &[UTF_8],
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
            return Ok((text.into_owned(), encoding));
        }
    }
    bail!("neither UTF-8, Shift_JIS nor EUC-JP text; save it as UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(name: &str, bytes: &[u8]) -> anyhow::Result<(Sheet, Skipped)> {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        let mut skipped = Skipped::new(false);
        let sheet = Sheet::read(&path, "評価", &mut skipped, &mut Sha256::new())?;
        Ok((sheet, skipped))
    }

    const TEXT: &str = "質問,期待ID\n出金の手数料は？,fee\n\n\"複数行の\n質問①\",a\n多い,a,b\n";

    #[test]
    fn every_encoding_an_office_saves_is_read_alike() {
        let utf_16: Vec<u8> =
            "\u{feff}".encode_utf16().chain(TEXT.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let cases = [
            (TEXT.as_bytes().to_vec(), "UTF-8"),
            ([b"\xef\xbb\xbf", TEXT.as_bytes()].concat(), "UTF-8"),
            (SHIFT_JIS.encode(TEXT).0.into_owned(), "Shift_JIS"),
            (EUC_JP.encode(&TEXT.replace('①', "1")).0.into_owned(), "EUC-JP"),
            (utf_16, "UTF-16LE"),
        ];
        for (bytes, encoding) in cases {
            let (sheet, skipped) = read("cases.csv", &bytes).expect(encoding);
            assert_eq!(sheet.read_as, encoding);
            assert_eq!(sheet.header, ["質問", "期待ID"]);
            assert_eq!(sheet.rows[0], (2, vec!["出金の手数料は？".into(), "fee".into()]));
            assert_eq!((sheet.rows[1].0, sheet.rows.len()), (4, 2), "{encoding}");
            assert_eq!((skipped.count(), skipped.first()[0].row), (1, 6));
        }
    }

    #[test]
    fn a_workbook_gives_the_wanted_sheet() {
        let mut workbook = rust_xlsxwriter::Workbook::new();
        workbook.add_worksheet().write_string(0, 0, "別のシート").expect("written");
        let sheet = workbook.add_worksheet();
        sheet.set_name("評価").expect("named");
        sheet.write_string(0, 0, "質問").expect("written");
        sheet.write_string(0, 1, "期待ＩＤ").expect("written");
        sheet.write_string(2, 0, "手数料").expect("written");
        sheet.write_number(2, 1, 12.0).expect("written");
        let bytes = workbook.save_to_buffer().expect("saved");
        let (sheet, _) = read("cases.xlsx", &bytes).expect("readable");
        assert_eq!(sheet.rows, [(3, vec!["手数料".to_owned(), "12".to_owned()])]);
        assert_eq!(sheet.column(&["期待ID"]), Some(1));
    }

    #[test]
    fn what_is_not_a_table_is_refused_in_words() {
        for (bytes, word) in [
            (&b""[..], "empty"),
            (b"\n\n , \n", "no header"),
            (b"a,b\n\x00\x01", "binary"),
            (b"a,\xff\xfd\x80\n", "save it as UTF-8"),
            (b"PK\x03\x04 nonsense", "not a readable workbook"),
        ] {
            let error = format!("{:#}", read("cases.csv", bytes).expect_err("refused"));
            assert!(error.contains(word), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), zip in any::<bool>()) {
            let bytes = if zip { [b"PK\x03\x04", &bytes[..]].concat() } else { bytes };
            drop(read("cases.tsv", &bytes));
        }

        #[test]
        fn a_cut_or_changed_workbook_never_panics(cut in 0usize..5000, at in 0usize..5000, value in any::<u8>()) {
            let mut workbook = rust_xlsxwriter::Workbook::new();
            workbook.add_worksheet().write_string(0, 0, "質問").expect("written");
            let mut bytes = workbook.save_to_buffer().expect("saved");
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            let keep = bytes.len() - cut.min(bytes.len() / 2) * usize::from(cut % 3 == 0);
            drop(read("cases.xlsx", &bytes[..keep]));
        }
    }
}

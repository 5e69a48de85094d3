use encoding_rs::{EUC_JP, SHIFT_JIS};
use proptest::prelude::*;

use super::*;

fn read(name: &str, bytes: &[u8]) -> Result<Table, SheetError> {
    Table::read(name, bytes, "評価")
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
        let table = read("cases.csv", &bytes).expect(encoding);
        assert_eq!(table.read_as, encoding);
        assert_eq!(table.header, ["質問", "期待ID"]);
        assert_eq!(table.rows[0], Line { number: 2, cells: vec!["出金の手数料は？".into(), "fee".into()] });
        assert_eq!((table.rows[1].number, table.rows.len()), (4, 2), "{encoding}");
        assert_eq!(table.wrong, [(6, "3 cells under a header of 2".to_owned())]);
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
    let date = rust_xlsxwriter::ExcelDateTime::from_ymd(2026, 4, 1).expect("a date");
    let format = rust_xlsxwriter::Format::new().set_num_format("yyyy/m/d");
    sheet.write_datetime_with_format(3, 1, &date, &format).expect("written");
    let bytes = workbook.save_to_buffer().expect("saved");
    let table = read("cases.xlsx", &bytes).expect("readable");
    assert_eq!(table.rows[0], Line { number: 3, cells: vec!["手数料".to_owned(), "12".to_owned()] });
    assert_eq!(table.rows[1].cells[1], "2026-04-01");
    assert_eq!(table.column(&["期待ID"]), Some(1));
    assert_eq!(table.sheets.len(), 2);
}

#[test]
fn what_is_not_a_table_is_refused_in_words() {
    let unclosed = format!("a,b\n1,\"{}", "x\n".repeat(9));
    for (bytes, expect) in [
        (&b""[..], SheetError::Empty),
        (b"\n\n , \n", SheetError::NoHeader),
        (b"a,b\n\x00\x01", SheetError::Binary),
        (b"a,\xff\xfd\x80\n", SheetError::Encoding),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", SheetError::OldWorkbook),
        (unclosed.as_bytes(), SheetError::UnclosedQuote(2)),
        (&b",".repeat(1_000_000), SheetError::TooManyColumns(1_000_001)),
        (&b"x\n".repeat(MAX_ROWS + 1), SheetError::TooManyRows),
        (&[b"a\n", &b"x".repeat(MAX_CELL + 1)[..]].concat(), SheetError::CellTooLong(2)),
        (&b"x".repeat(MAX_BYTES + 1), SheetError::TooLarge),
    ] {
        assert_eq!(read("cases.csv", bytes), Err(expect));
    }
    assert!(matches!(read("a.xlsx", b"PK\x03\x04 nonsense"), Err(SheetError::NotAWorkbook(_))));
}

#[test]
fn a_tsv_without_quoting_may_hold_quotation_marks() {
    let table = read("qna.tsv", "Question\tAnswer\n\"hello\" said he\t\"open\nnext\ta\n".as_bytes());
    let table = table.expect("readable");
    assert_eq!(table.rows.len(), 2);
    assert_eq!(table.rows[0].cells, ["\"hello\" said he", "\"open"]);
}

/// A workbook whose one sheet is `sheet`, with as many zeros beside it as asked.
fn workbook(sheet: &str, zeros: u64) -> Vec<u8> {
    use std::io::Write;
    let parts = [
        (
            "_rels/.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#.to_owned(),
        ),
        (
            "[Content_Types].xml",
            r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#.to_owned(),
        ),
        (
            "xl/workbook.xml",
            r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>"#.to_owned(),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#.to_owned(),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{sheet}</sheetData></worksheet>"#),
        ),
    ];
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in parts {
        archive.start_file(name, options).expect("started");
        archive.write_all(text.as_bytes()).expect("written");
    }
    archive.start_file("xl/media/zeros.bin", options).expect("started");
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), zeros), &mut archive).expect("written");
    archive.finish().expect("finished").into_inner()
}

#[test]
fn a_workbook_that_claims_or_unpacks_to_too_much_is_refused() {
    let cell =
        |place: &str| format!(r#"<row r="1"><c r="{place}" t="inlineStr"><is><t>x</t></is></c></row>"#);
    assert_eq!(read("a.xlsx", &workbook(&cell("A1"), 10)).expect("readable").header, ["x"]);
    assert_eq!(read("a.xlsx", &workbook(&cell("XFD1"), 10)), Err(SheetError::TooManyColumns(16_384)));
    let bomb = workbook(&cell("A1"), MAX_UNPACKED + 1);
    assert!(bomb.len() < 1 << 20, "{} bytes packed", bomb.len());
    assert_eq!(read("a.xlsx", &bomb), Err(SheetError::Expands));
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

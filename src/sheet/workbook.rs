//! Excel workbooks, read cell by cell: a sheet that claims a million columns or unpacks to a gigabyte costs nothing.

use std::io::Cursor;

use calamine::{DataRef, Reader, Xlsx};

use super::{Cells, Line, MAX_CELL, MAX_COLUMNS, MAX_ROWS, MAX_UNPACKED, SheetError};

pub(super) fn cells(bytes: &[u8], wanted: &str) -> Result<Cells, SheetError> {
    check_unpacked(bytes)?;
    let damaged = |error: calamine::XlsxError| SheetError::NotAWorkbook(error.to_string());
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(damaged)?;
    let sheets = workbook.sheet_names();
    let name = sheets.iter().find(|name| *name == wanted).or(sheets.first()).cloned();
    let name = name.ok_or_else(|| SheetError::NotAWorkbook("it has no sheet".into()))?;
    let mut reader = workbook.worksheet_cells_reader(&name).map_err(damaged)?;
    let mut lines: Vec<Line> = Vec::new();
    while let Some(cell) = reader.next_cell().map_err(damaged)? {
        let (row, column) = cell.get_position();
        let (number, column) = (row as usize + 1, column as usize);
        let text = cell_text(cell.get_value());
        if text.is_empty() {
            continue;
        }
        if column >= MAX_COLUMNS {
            return Err(SheetError::TooManyColumns(column + 1));
        }
        if text.len() > MAX_CELL {
            return Err(SheetError::CellTooLong(number));
        }
        if lines.last().is_none_or(|line| line.number != number) {
            if lines.len() == MAX_ROWS {
                return Err(SheetError::TooManyRows);
            }
            lines.push(Line { number, cells: Vec::new() });
        }
        let cells = &mut lines.last_mut().expect("pushed above").cells;
        if cells.len() <= column {
            cells.resize(column + 1, String::new());
        }
        cells[column] = text;
    }
    Ok(Cells { lines, read_as: name, sheets })
}

/// Unpacks every part into nothing and counts, because the sizes an archive states need not be true.
fn check_unpacked(bytes: &[u8]) -> Result<(), SheetError> {
    use std::io::Read;
    let damaged = |reason: String| SheetError::NotAWorkbook(reason);
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(error.to_string()))?;
    let mut left = MAX_UNPACKED;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| damaged(error.to_string()))?;
        let read = std::io::copy(&mut part.take(left + 1), &mut std::io::sink())
            .map_err(|error| damaged(error.to_string()))?;
        left = left.checked_sub(read).ok_or(SheetError::Expands)?;
    }
    Ok(())
}

fn cell_text(cell: &DataRef<'_>) -> String {
    match cell {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        // Excel stores an id such as 12 as 12.0.
        DataRef::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        DataRef::Float(number) => number.to_string(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(moment) => {
            let (year, month, day, hour, minute, ..) = moment.to_ymd_hms_milli();
            match (hour, minute) {
                (0, 0) => format!("{year:04}-{month:02}-{day:02}"),
                _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"),
            }
        }
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => error.to_string(),
    }
}

//! The history of a line: what was said of each part, and when.

use super::export::{Column, parquet_table};
use super::{ReportError, ResultRow};
use crate::condition::{ALIKE_STATISTICS, LIGHT_STATISTICS};
use crate::score::Verdict;
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::record::Field;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A part of the history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// When it was inspected, or taken.
    pub time: SystemTime,
    /// The bundle's file.
    pub bundle: String,
    /// What was said of it; no regions.
    pub row: ResultRow,
    /// How it was lit ([`LIGHT_STATISTICS`]).
    pub light: Option<[f32; 6]>,
    /// What it looks like beside the training images ([`ALIKE_STATISTICS`]); rows of before do not know.
    pub alike: Option<[f32; 2]>,
}

/// Rows as a Parquet file.
///
/// # Errors
/// [`ReportError::Parquet`].
pub fn history_table(rows: &[HistoryRow]) -> Result<Vec<u8>, ReportError> {
    let text = |of: &dyn Fn(&HistoryRow) -> Option<String>| Column::Text(rows.iter().map(of).collect());
    let number = |of: &dyn Fn(&HistoryRow) -> Option<f32>| Column::Float(rows.iter().map(of).collect());
    let micros = |row: &HistoryRow| i64::try_from(row.time.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok();
    let mut columns = vec![
        ("time", Column::Time(rows.iter().map(micros).collect())),
        ("bundle", text(&|row| Some(row.bundle.clone()))),
        ("path", text(&|row| Some(row.row.path.clone()))),
        ("condition", text(&|row| row.row.condition.clone())),
        ("verdict", text(&|row| row.row.verdict.map(|verdict| verdict.as_str().to_owned()))),
        ("raw_score", number(&|row| row.row.raw_score)),
        ("score", number(&|row| row.row.score)),
        ("threshold", number(&|row| row.row.threshold)),
        ("p_value", Column::Double(rows.iter().map(|row| row.row.p_value).collect())),
        ("ms", Column::Double(rows.iter().map(|row| row.row.ms).collect())),
        ("error", text(&|row| row.row.error.clone())),
    ];
    for (at, name) in LIGHT_STATISTICS.into_iter().enumerate() {
        columns.push((name, number(&|row| row.light.map(|light| light[at]))));
    }
    for (at, name) in ALIKE_STATISTICS.into_iter().enumerate() {
        columns.push((name, number(&|row| row.alike.map(|alike| alike[at]))));
    }
    parquet_table(&columns)
}

/// Reads rows back; columns of another name are left alone.
///
/// # Errors
/// [`ReportError::Parquet`] for what is no such file.
pub fn read_history(file: impl ChunkReader + 'static) -> Result<Vec<HistoryRow>, ReportError> {
    let reader = SerializedFileReader::new(file)?;
    reader.get_row_iter(None)?.map(|cells| Ok(of_cells(cells?.get_column_iter()))).collect()
}

fn of_cells<'a>(cells: impl Iterator<Item = (&'a String, &'a Field)>) -> HistoryRow {
    let (bundle, row) = (String::new(), ResultRow::default());
    let mut found = HistoryRow { time: UNIX_EPOCH, bundle, row, light: None, alike: None };
    let (mut light, mut alike) = ([None; 6], [None; 2]);
    for (name, field) in cells {
        let row = &mut found.row;
        match (name.as_str(), field) {
            ("time", Field::TimestampMicros(micros)) => {
                found.time = UNIX_EPOCH + Duration::from_micros(u64::try_from(*micros).unwrap_or(0));
            }
            ("bundle", Field::Str(text)) => found.bundle.clone_from(text),
            ("path", Field::Str(text)) => row.path.clone_from(text),
            ("condition", Field::Str(text)) => row.condition = Some(text.clone()),
            ("error", Field::Str(text)) => row.error = Some(text.clone()),
            ("verdict", Field::Str(word)) => {
                row.verdict =
                    [Verdict::Normal, Verdict::Anomalous].into_iter().find(|verdict| verdict.as_str() == word);
            }
            ("raw_score", Field::Float(number)) => row.raw_score = Some(*number),
            ("score", Field::Float(number)) => row.score = Some(*number),
            ("threshold", Field::Float(number)) => row.threshold = Some(*number),
            ("p_value", Field::Double(number)) => row.p_value = Some(*number),
            ("ms", Field::Double(number)) => row.ms = Some(*number),
            (name, Field::Float(number)) => {
                if let Some(at) = LIGHT_STATISTICS.iter().position(|own| *own == name) {
                    light[at] = Some(*number);
                } else if let Some(at) = ALIKE_STATISTICS.iter().position(|own| *own == name) {
                    alike[at] = Some(*number);
                }
            }
            _ => {}
        }
    }
    let whole: Vec<f32> = light.into_iter().flatten().collect();
    found.light = whole.try_into().ok();
    let whole: Vec<f32> = alike.into_iter().flatten().collect();
    found.alike = whole.try_into().ok();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_history_reads_back_as_it_was_written() {
        let row = |path: &str, score: Option<f32>| HistoryRow {
            time: UNIX_EPOCH + Duration::from_micros(1_777_863_721_000_001),
            bundle: "C.pcore".into(),
            row: ResultRow {
                path: path.into(),
                raw_score: score,
                score,
                threshold: score,
                verdict: score.map(|_| Verdict::Anomalous),
                condition: score.map(|_| "warm".into()),
                p_value: score.map(|_| 0.25),
                ms: score.map(f64::from),
                error: score.is_none().then(|| "torn".into()),
                ..ResultRow::default()
            },
            light: score.map(|score| [score, 0.1, 0.2, 0.3, -0.4, 1e-30]),
            alike: score.map(|score| [score, -0.5]),
        };
        let rows = [row("ä.png", Some(0.1)), row("b.png", None)];
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&history_table(&rows).unwrap()).unwrap();
        assert_eq!(read_history(file).unwrap(), rows);
        // Of before the features were known: without their columns.
        let mut old = tempfile::tempfile().unwrap();
        let columns = [("path", Column::Text(vec![Some("a".into())])), ("tint", Column::Float(vec![Some(0.5)]))];
        old.write_all(&parquet_table(&columns).unwrap()).unwrap();
        let read = read_history(old).unwrap();
        assert_eq!((&*read[0].row.path, read[0].light, read[0].alike), ("a", None, None));
        let mut broken = tempfile::tempfile().unwrap();
        broken.write_all(b"no Parquet").unwrap();
        assert!(read_history(broken).is_err());
    }
}

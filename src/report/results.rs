//! One row per image: `results.csv` and `results.jsonl`.

use super::csv_row::{COLUMNS, CsvRow};
use super::{ReportError, ResultRow};
use crate::dataset::Shown;
use std::io::Write;

/// Writes `results.csv`: a header, then one line per row (RFC 4180 quoting).
///
/// Each row goes to the output in one piece, as soon as it is written. Floats are the shortest text that reads back as the
/// same value; missing values are empty cells. Text that a spreadsheet would take for a formula has a `'` before it
/// ([`csv_text()`](super::csv_text())); `results.jsonl` has it as it is.
pub struct CsvResults<W: Write> {
    output: W,
}

impl<W: Write> CsvResults<W> {
    /// Writes the header.
    ///
    /// # Errors
    ///
    /// [`ReportError::Io`] if the output refuses.
    pub fn new(mut output: W) -> Result<Self, ReportError> {
        output.write_all(&csv_line(|writer| writer.write_record(COLUMNS))?)?;
        Ok(Self { output })
    }

    /// Appends a row.
    ///
    /// # Errors
    ///
    /// [`ReportError::Io`] if the output refuses.
    pub fn write(&mut self, row: &ResultRow) -> Result<(), ReportError> {
        Ok(self.output.write_all(&csv_line(|writer| writer.serialize(CsvRow::of(row)))?)?)
    }

    /// The output, to look at.
    pub fn get_ref(&self) -> &W {
        &self.output
    }

    /// The output, for what rows are not.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.output
    }

    /// Flushes the output and hands it back.
    ///
    /// # Errors
    ///
    /// [`ReportError::Io`] if the output refuses.
    pub fn finish(mut self) -> Result<W, ReportError> {
        self.output.flush()?;
        Ok(self.output)
    }
}

/// One line, as bytes.
fn csv_line(fill: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>) -> Result<Vec<u8>, ReportError> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    fill(&mut writer)?;
    writer.into_inner().map_err(|error| ReportError::Io(error.into_error()))
}

/// Writes `results.jsonl`: one JSON object per line, missing values `null`, control characters escaped. Each line goes to the
/// output in one piece.
pub struct JsonlResults<W: Write> {
    output: W,
}

impl<W: Write> JsonlResults<W> {
    /// Takes the output.
    pub fn new(output: W) -> Self {
        Self { output }
    }

    /// Appends a row.
    ///
    /// # Errors
    ///
    /// [`ReportError::Json`] or [`ReportError::Io`] if the output refuses.
    pub fn write(&mut self, row: &ResultRow) -> Result<(), ReportError> {
        let line = format!("{}\n", Shown::lines(serde_json::to_string(row)?));
        Ok(self.output.write_all(line.as_bytes())?)
    }

    /// The output, to look at.
    pub fn get_ref(&self) -> &W {
        &self.output
    }

    /// The output, for what rows are not.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.output
    }

    /// Flushes the output and hands it back.
    ///
    /// # Errors
    ///
    /// [`ReportError::Io`] if the output refuses.
    pub fn finish(mut self) -> Result<W, ReportError> {
        self.output.flush()?;
        Ok(self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{RegionRow, csv_text};
    use crate::score::Verdict;
    use proptest::prelude::*;

    fn row(path: &str, score: f32) -> ResultRow {
        ResultRow {
            path: path.to_owned(),
            raw_score: Some(score),
            score: Some(score * 0.5),
            threshold: Some(1.0),
            p_value: Some(0.25),
            verdict: Some(Verdict::of(score * 0.5, 1.0)),
            condition: Some("cold".to_owned()),
            gate_confidence: None,
            unknown_condition: Some(false),
            ms: Some(12.5),
            error: None,
            overlay: Some("overlays/a.png.png".to_owned()),
            picture_error: None,
            regions: Some(vec![RegionRow {
                left: 4,
                top: 2,
                width: 3,
                height: 1,
                area: 2.5,
                peak: 1.5,
                mean: 1.25,
                polygon: vec![[4.0, 2.0], [6.5, 2.0], [6.5, 3.0]],
            }]),
            width: Some(12),
            height: Some(9),
            label: Some("normal".to_owned()),
            defect: None,
        }
    }

    fn csv_text_of(rows: &[ResultRow]) -> String {
        let mut bytes = Vec::new();
        let mut writer = CsvResults::new(&mut bytes).unwrap();
        for row in rows {
            writer.write(row).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn jsonl_text(rows: &[ResultRow]) -> String {
        let mut bytes = Vec::new();
        let mut writer = JsonlResults::new(&mut bytes);
        for row in rows {
            writer.write(row).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn csv_has_a_header_and_the_documented_cells() {
        let failed = ResultRow {
            path: "b, \"c\".tiff".to_owned(),
            error: Some("not a TIFF".to_owned()),
            ..ResultRow::default()
        };
        let expected = "\
path,raw_score,score,threshold,verdict,condition,gate_confidence,unknown_condition,ms,error,overlay,picture_error,n_regions,region_left,region_top,region_width,region_height,region_area,region_peak,p_value
a.png,2.2,1.1,1.0,anomalous,cold,,false,12.5,,overlays/a.png.png,,1,4,2,3,1,2.5,1.5,0.25
\"b, \"\"c\"\".tiff\",,,,,,,,,not a TIFF,,,,,,,,,,
c.png,,,,,,,,,,,,0,,,,,,,
";
        let plain = ResultRow { path: "c.png".to_owned(), regions: Some(vec![]), ..ResultRow::default() };
        assert_eq!(csv_text_of(&[row("a.png", 2.2), failed, plain]), expected);
        assert_eq!(csv_text_of(&[]).lines().count(), 1);
    }

    #[test]
    fn a_spreadsheet_runs_no_text_and_json_keeps_it() {
        let hostile = ["=1+1", "+1", "-1", "@a", "\ta", "\ra"];
        let rows = hostile.map(|text| ResultRow {
            path: text.to_owned(),
            raw_score: Some(-0.5),
            condition: Some(text.to_owned()),
            error: Some(text.to_owned()),
            ..ResultRow::default()
        });
        let csv = csv_text_of(&rows);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), hostile.len());
        for (record, text) in records.iter().zip(hostile) {
            for column in [0, 5, 9] {
                assert_eq!(record[column], format!("'{text}"));
            }
            assert_eq!(&record[1], "-0.5", "numbers stay numbers");
        }
        for (line, text) in jsonl_text(&rows).lines().zip(hostile) {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["path"], text);
        }
    }

    #[test]
    fn jsonl_has_one_object_per_line() {
        let text = jsonl_text(&[row("a\n.png", 0.1), ResultRow::default()]);
        let expected = "{\"path\":\"a\\n.png\",\"raw_score\":0.1,\"score\":0.05,\"threshold\":1.0,\"p_value\":0.25,\
\"verdict\":\"normal\",\"condition\":\"cold\",\"gate_confidence\":null,\"unknown_condition\":false,\"ms\":12.5,\"error\":null,\"overlay\":\"overlays/a.png.png\",\"picture_error\":null,\
\"regions\":[{\"left\":4,\"top\":2,\"width\":3,\"height\":1,\"area\":2.5,\"peak\":1.5,\"mean\":1.25,\"polygon\":[[4.0,2.0],[6.5,2.0],[6.5,3.0]]}],\
\"width\":12,\"height\":9,\"label\":\"normal\",\"defect\":null}";
        assert_eq!(text.lines().next().unwrap(), expected);
        assert_eq!(text.lines().count(), 2);
        assert!(text.ends_with("\"regions\":null,\"width\":null,\"height\":null,\"label\":null,\"defect\":null}\n"));
    }

    #[test]
    fn a_full_disk_is_an_error_not_a_loss() {
        let disk = std::io::Cursor::new([0u8; 20]);
        let mut writer = JsonlResults::new(disk);
        assert!(writer.write(&row("a.png", 1.0)).is_err());
        assert!(CsvResults::new(std::io::Cursor::new([0u8; 20])).is_err());
    }

    /// Keeps the pieces apart.
    struct Pieces(Vec<Vec<u8>>);

    impl Write for Pieces {
        fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
            self.0.push(piece.to_vec());
            Ok(piece.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_row_is_one_piece_with_its_line_end() {
        let rows = [row("a.png", 1.0), row(&"long, ".repeat(5000), 2.0), row("c.png", 3.0)];
        let mut csv = CsvResults::new(Pieces(vec![])).unwrap();
        let mut jsonl = JsonlResults::new(Pieces(vec![]));
        for row in &rows {
            csv.write(row).unwrap();
            jsonl.write(row).unwrap();
        }
        let (csv, jsonl) = (csv.finish().unwrap().0, jsonl.finish().unwrap().0);
        assert_eq!((csv.len(), jsonl.len()), (4, 3));
        assert!(csv.iter().chain(&jsonl).all(|piece| piece.ends_with(b"\n")));
    }

    proptest! {
        #[test]
        fn paths_and_floats_read_back_unchanged(path in "\\PC{0,12}|[=+@,\"\r\n-]{1,6}", bits in any::<u32>()) {
            let score = f32::from_bits(bits);
            prop_assume!(score.is_finite());
            let rows = [row(&path, score)];
            let text = csv_text_of(&rows);
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            prop_assert_eq!(&record[0], csv_text(&path));
            prop_assert_eq!(record[1].parse::<f32>().unwrap().to_bits(), score.to_bits());
            let value: serde_json::Value = serde_json::from_str(jsonl_text(&rows).trim_end()).unwrap();
            prop_assert_eq!(value["path"].as_str().unwrap(), &path);
            let read: f32 = value["raw_score"].to_string().parse().unwrap();
            prop_assert_eq!(read.to_bits(), score.to_bits());
            let read: ResultRow = serde_json::from_str(jsonl_text(&rows).trim_end()).unwrap();
            prop_assert_eq!(&read, &rows[0]);
        }
    }
}

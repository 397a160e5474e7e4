//! Results as tables: all of them in Parquet, a summary in CSV.

use super::{Column, ExportImage, parquet_table};
use crate::image::PixelBox;
use crate::report::{RegionRow, ReportError, ResultRow, csv_text};
use crate::score::Verdict;
use humantime::parse_rfc3339_weak;
use std::time::UNIX_EPOCH;

/// Rows of one or several runs.
#[derive(Clone, Debug, Default)]
pub struct ResultTable {
    rows: Vec<TableRow>,
}

#[derive(Clone, Debug)]
struct TableRow {
    run: String,
    began: String,
    row: ResultRow,
    /// Rectangle of the region with the largest peak, pixels of all of them.
    first: Option<PixelBox>,
    area: Option<f64>,
}

/// The columns of the summary.
const SUMMARY: [&str; 22] = [
    "run",
    "began",
    "path",
    "label",
    "defect",
    "verdict",
    "score",
    "threshold",
    "raw_score",
    "p_value",
    "condition",
    "n_regions",
    "box_left",
    "box_top",
    "box_width",
    "box_height",
    "area",
    "peak",
    "ms",
    "overlay",
    "picture_error",
    "error",
];

impl ResultTable {
    /// Adds an image.
    pub fn add(&mut self, image: &ExportImage<'_>) {
        let regions = image.row.regions.as_ref();
        self.rows.push(TableRow {
            run: image.run.name.clone(),
            began: image.run.began.clone(),
            row: image.row.clone(),
            first: regions.and_then(|regions| regions.first()).map(box_of),
            area: regions.map(|regions| regions.iter().fold(0.0, |sum, region| sum + region.area)),
        });
    }

    /// One line for each image, for people: label, defect, verdict, box of the region with the largest peak, area of all
    /// regions, time, overlay. No text is run by a spreadsheet ([`csv_text()`]).
    ///
    /// # Errors
    /// [`ReportError::Csv`].
    pub fn csv(&self) -> Result<Vec<u8>, ReportError> {
        let mut writer = csv::Writer::from_writer(vec![]);
        writer.write_record(SUMMARY)?;
        for TableRow { run, began, row, first, area } in &self.rows {
            let text = |text: &Option<String>| csv_text(text.as_deref().unwrap_or_default()).into_owned();
            let verdict = row.verdict.map_or("", Verdict::as_str);
            let n_regions = row.regions.as_ref().map(Vec::len);
            let peak = row.regions.as_ref().and_then(|regions| regions.first()).map(|region| region.peak);
            let side = |of: fn(&PixelBox) -> usize| shown(first.as_ref().map(of));
            writer.write_record([
                csv_text(run).into_owned(),
                began.clone(),
                csv_text(&row.path).into_owned(),
                text(&row.label),
                text(&row.defect),
                verdict.to_owned(),
                shown(row.score),
                shown(row.threshold),
                shown(row.raw_score),
                shown(row.p_value),
                text(&row.condition),
                shown(n_regions),
                side(|bounds| bounds.left_px),
                side(|bounds| bounds.top_px),
                side(|bounds| bounds.width_px),
                side(|bounds| bounds.height_px),
                shown(*area),
                shown(peak),
                shown(row.ms),
                text(&row.overlay),
                text(&row.picture_error),
                text(&row.error),
            ])?;
        }
        writer.into_inner().map_err(|error| ReportError::Io(error.into_error()))
    }

    /// `images.parquet`: a row for each image.
    ///
    /// # Errors
    /// [`ReportError::Parquet`].
    pub fn images(&self) -> Result<Vec<u8>, ReportError> {
        let text =
            |of: fn(&ResultRow) -> Option<&str>| self.column(Column::Text, |row| of(&row.row).map(str::to_owned));
        let number = |of: fn(&ResultRow) -> Option<f32>| self.column(Column::Float, |row| of(&row.row));
        let count = |of: fn(&ResultRow) -> Option<usize>| {
            self.column(Column::Integer, |row| of(&row.row).and_then(|n| i64::try_from(n).ok()))
        };
        parquet_table(&[
            ("run", self.column(Column::Text, |row| Some(row.run.clone()))),
            ("began", self.column(Column::Time, |row| micros(&row.began))),
            ("path", text(|row| Some(&row.path))),
            ("label", text(|row| row.label.as_deref())),
            ("defect", text(|row| row.defect.as_deref())),
            ("verdict", text(|row| row.verdict.map(Verdict::as_str))),
            ("raw_score", number(|row| row.raw_score)),
            ("score", number(|row| row.score)),
            ("threshold", number(|row| row.threshold)),
            ("p_value", self.column(Column::Double, |row| row.row.p_value)),
            ("condition", text(|row| row.condition.as_deref())),
            ("gate_confidence", number(|row| row.gate_confidence)),
            ("unknown_condition", self.column(Column::Boolean, |row| row.row.unknown_condition)),
            ("width", count(|row| row.width)),
            ("height", count(|row| row.height)),
            ("n_regions", count(|row| row.regions.as_ref().map(Vec::len))),
            ("area", self.column(Column::Double, |row| row.area)),
            ("ms", self.column(Column::Double, |row| row.row.ms)),
            ("overlay", text(|row| row.overlay.as_deref())),
            ("picture_error", text(|row| row.picture_error.as_deref())),
            ("error", text(|row| row.error.as_deref())),
        ])
    }

    /// `regions.parquet`: a row for each region; `run` and `path` say of which image. `polygon` is JSON.
    ///
    /// # Errors
    /// [`ReportError::Parquet`].
    pub fn regions(&self) -> Result<Vec<u8>, ReportError> {
        let all: Vec<(&TableRow, usize, &RegionRow)> = self
            .rows
            .iter()
            .flat_map(|row| row.row.regions.iter().flatten().enumerate().map(move |(at, region)| (row, at, region)))
            .collect();
        let whole = |of: fn(&RegionRow) -> usize| {
            Column::Integer(all.iter().map(|(.., region)| i64::try_from(of(region)).ok()).collect())
        };
        let polygons = all.iter().map(|(.., region)| Ok(Some(serde_json::to_string(&region.polygon)?)));
        parquet_table(&[
            ("run", Column::Text(all.iter().map(|(row, ..)| Some(row.run.clone())).collect())),
            ("path", Column::Text(all.iter().map(|(row, ..)| Some(row.row.path.clone())).collect())),
            ("region", Column::Integer(all.iter().map(|(_, at, _)| i64::try_from(*at).ok()).collect())),
            ("left", whole(|region| region.left)),
            ("top", whole(|region| region.top)),
            ("width", whole(|region| region.width)),
            ("height", whole(|region| region.height)),
            ("area", Column::Double(all.iter().map(|(.., region)| Some(region.area)).collect())),
            ("peak", Column::Float(all.iter().map(|(.., region)| Some(region.peak)).collect())),
            ("mean", Column::Float(all.iter().map(|(.., region)| Some(region.mean)).collect())),
            ("polygon", Column::Text(polygons.collect::<Result<_, ReportError>>()?)),
        ])
    }

    fn column<T>(&self, make: fn(Vec<Option<T>>) -> Column, of: impl Fn(&TableRow) -> Option<T>) -> Column {
        make(self.rows.iter().map(of).collect())
    }
}

fn box_of(region: &RegionRow) -> PixelBox {
    let RegionRow { left: left_px, top: top_px, width: width_px, height: height_px, .. } = *region;
    PixelBox { top_px, left_px, height_px, width_px }
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A time in microseconds since 1970.
fn micros(time: &str) -> Option<i64> {
    let since = parse_rfc3339_weak(time).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_micros()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::ExportRun;
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    use std::collections::BTreeMap;
    use std::io::Write;

    fn table() -> ResultTable {
        let run = ExportRun { name: "=run".into(), began: "2026-05-04T03:02:01Z".into(), ..ExportRun::default() };
        let region = |left: usize, area: f64| RegionRow {
            left,
            top: 2,
            width: 3,
            height: 4,
            area,
            peak: 1.5,
            polygon: vec![[0.5, 1.0]],
            ..RegionRow::default()
        };
        let row = ResultRow {
            path: "a.png".into(),
            label: Some("anomalous".into()),
            defect: Some("crack".into()),
            score: Some(2.5),
            verdict: Some(Verdict::Anomalous),
            ms: Some(12.5),
            overlay: Some("overlays/a.png.png".into()),
            regions: Some(vec![region(7, 2.5), region(1, 1.0)]),
            ..ResultRow::default()
        };
        let failed = ResultRow { path: "torn.png".into(), error: Some("not a PNG".into()), ..ResultRow::default() };
        let mut table = ResultTable::default();
        for row in [&row, &failed] {
            table.add(&ExportImage { run: &run, row, size: (9, 9), marked: &[] });
        }
        table
    }

    fn read(bytes: &[u8]) -> Vec<BTreeMap<String, Field>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
        rows.map(|row| row.get_column_iter().map(|(name, field)| (name.clone(), field.clone())).collect()).collect()
    }

    #[test]
    fn the_summary_has_label_defect_box_area_time_and_overlay() {
        let bytes = table().csv().unwrap();
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
        let cells = |row: usize, names: &[&str]| names.iter().map(|name| rows[row][*name].clone()).collect::<Vec<_>>();
        assert_eq!(cells(0, &["run", "began", "path"]), ["'=run", "2026-05-04T03:02:01Z", "a.png"]);
        assert_eq!(cells(0, &["label", "defect", "verdict"]), ["anomalous", "crack", "anomalous"]);
        assert_eq!(
            cells(0, &["n_regions", "box_left", "box_top", "box_width", "box_height"]),
            ["2", "7", "2", "3", "4"]
        );
        assert_eq!(cells(0, &["area", "peak", "ms", "overlay"]), ["3.5", "1.5", "12.5", "overlays/a.png.png"]);
        assert_eq!(cells(1, &["error", "n_regions", "area", "score"]), ["not a PNG", "", "", ""]);
    }

    #[test]
    fn parquet_has_a_row_for_each_image_and_one_for_each_region() {
        let images = read(&table().images().unwrap());
        assert_eq!(images.len(), 2);
        assert_eq!(images[0]["defect"], Field::Str("crack".into()));
        assert_eq!((&images[0]["score"], &images[1]["score"]), (&Field::Float(2.5), &Field::Null));
        assert_eq!(images[0]["began"], Field::TimestampMicros(1_777_863_721_000_000));
        assert_eq!((&images[0]["n_regions"], &images[0]["area"]), (&Field::Long(2), &Field::Double(3.5)));
        let regions = read(&table().regions().unwrap());
        assert_eq!(regions.len(), 2);
        assert_eq!((&regions[1]["path"], &regions[1]["region"]), (&Field::Str("a.png".into()), &Field::Long(1)));
        assert_eq!((&regions[1]["left"], &regions[1]["polygon"]), (&Field::Long(1), &Field::Str("[[0.5,1.0]]".into())));
    }
}

//! Tables in Parquet.

use crate::report::ReportError;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use std::io::Write;
use std::sync::Arc;

/// The cells of a column, of one type; `None` is null.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Texts, UTF-8.
    Text(Vec<Option<String>>),
    /// Numbers of single precision.
    Float(Vec<Option<f32>>),
    /// Numbers of double precision.
    Double(Vec<Option<f64>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Yes or no.
    Boolean(Vec<Option<bool>>),
    /// Microseconds since 1970, UTC.
    Time(Vec<Option<i64>>),
}

impl Column {
    fn schema(&self, name: &str) -> Result<TypePtr, ReportError> {
        let (physical, logical) = match self {
            Self::Text(_) => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            Self::Float(_) => (PhysicalType::FLOAT, None),
            Self::Double(_) => (PhysicalType::DOUBLE, None),
            Self::Integer(_) => (PhysicalType::INT64, None),
            Self::Boolean(_) => (PhysicalType::BOOLEAN, None),
            Self::Time(_) => (PhysicalType::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        };
        let builder = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
        Ok(Arc::new(builder.with_logical_type(logical).build()?))
    }

    fn write<W: Write + Send>(&self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<(), ReportError> {
        match self {
            Self::Text(cells) => {
                write::<ByteArrayType, _>(group, cells, |text| ByteArray::from(text.as_bytes().to_vec()))
            }
            Self::Float(cells) => write::<FloatType, _>(group, cells, |number| *number),
            Self::Double(cells) => write::<DoubleType, _>(group, cells, |number| *number),
            Self::Integer(cells) | Self::Time(cells) => write::<Int64Type, _>(group, cells, |number| *number),
            Self::Boolean(cells) => write::<BoolType, _>(group, cells, |is| *is),
        }
    }
}

/// Writes the next column of a group.
fn write<T: DataType, C>(
    group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    cells: &[Option<C>],
    value: impl Fn(&C) -> T::T,
) -> Result<(), ReportError> {
    let there: Vec<T::T> = cells.iter().flatten().map(value).collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    if let Some(mut column) = group.next_column()? {
        column.typed::<T>().write_batch(&there, Some(&levels), None)?;
        column.close()?;
    }
    Ok(())
}

/// A table of named columns of the same length as a Parquet file, in one group of rows, with Snappy.
///
/// # Errors
/// [`ReportError::Parquet`], for columns of different lengths among others.
pub fn parquet_table(columns: &[(&str, Column)]) -> Result<Vec<u8>, ReportError> {
    let fields = columns.iter().map(|(name, column)| column.schema(name)).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("row").with_fields(fields).build()?);
    let version = format!("pcore {}", env!("CARGO_PKG_VERSION"));
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).set_created_by(version).build();
    let mut bytes = vec![];
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    columns.iter().try_for_each(|(_, column)| column.write(&mut group))?;
    group.close()?;
    writer.close()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    #[test]
    fn the_crates_reader_finds_every_cell_and_every_gap() {
        let columns = [
            ("text", Column::Text(vec![Some("ä".into()), None, Some(String::new())])),
            ("float", Column::Float(vec![None, Some(0.1), Some(f32::INFINITY)])),
            ("double", Column::Double(vec![Some(0.1), None, Some(-1e300)])),
            ("integer", Column::Integer(vec![Some(i64::MIN), Some(0), None])),
            ("boolean", Column::Boolean(vec![Some(true), None, Some(false)])),
            ("time", Column::Time(vec![None, Some(1_700_000_000_000_001), Some(0)])),
        ];
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&parquet_table(&columns).unwrap()).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!((rows[0].get_string(0).unwrap().as_str(), rows[2].get_string(0).unwrap().as_str()), ("ä", ""));
        assert_eq!((rows[1].get_float(1).unwrap(), rows[2].get_float(1).unwrap()), (0.1, f32::INFINITY));
        assert_eq!((rows[0].get_double(2).unwrap(), rows[2].get_double(2).unwrap()), (0.1, -1e300));
        assert_eq!((rows[0].get_long(3).unwrap(), rows[1].get_long(3).unwrap()), (i64::MIN, 0));
        assert_eq!((rows[0].get_bool(4).unwrap(), rows[2].get_bool(4).unwrap()), (true, false));
        assert_eq!(rows[1].get_timestamp_micros(5).unwrap(), 1_700_000_000_000_001);
        let nulls = [(1, 0), (0, 1), (1, 2), (2, 3), (1, 4), (0, 5)];
        for (row, column) in nulls {
            let value = rows[row].get_column_iter().nth(column).unwrap().1;
            assert_eq!(*value, parquet::record::Field::Null, "row {row} column {column}");
        }
        let short = [("a", Column::Integer(vec![Some(1)])), ("b", Column::Integer(vec![]))];
        assert!(parquet_table(&short).is_err());
        assert!(parquet_table(&[("none", Column::Text(vec![]))]).is_ok());
    }
}

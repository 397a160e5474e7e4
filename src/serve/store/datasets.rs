//! Data sets and their images.

use super::error::optional;
use super::items::text_of;
use super::{Store, StoreError};
use crate::serve::clock::{now_ms, rfc3339};
use crate::serve::record::{DatasetImage, DatasetRecord};
use rusqlite::{Row, params};
use std::path::{Path, PathBuf};

/// An image that is to be kept.
pub(in crate::serve) struct NewImage<'a> {
    pub(in crate::serve) name: &'a str,
    pub(in crate::serve) path: &'a Path,
    pub(in crate::serve) bytes: u64,
}

const COLUMNS: &str = "d.id, d.name, d.created_at, count(i.id), coalesce(sum(i.label = 'normal'), 0), coalesce(sum(i.label = 'anomalous'), 0), \
     coalesce(sum(i.bytes), 0)";

fn record(row: &Row<'_>) -> Result<DatasetRecord, rusqlite::Error> {
    let (n_images, n_normal, n_anomalous): (i64, i64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
    Ok(DatasetRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        n_images,
        n_normal,
        n_anomalous,
        n_unlabelled: n_images - n_normal - n_anomalous,
        bytes: row.get(6)?,
        created_at: rfc3339(row.get(2)?),
    })
}

fn image(row: &Row<'_>) -> Result<DatasetImage, rusqlite::Error> {
    Ok(DatasetImage { id: row.get(0)?, name: row.get(1)?, label: row.get(2)?, bytes: row.get(3)? })
}

/// Which images of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Labelled {
    /// Normal ones and, for want of a label, those without one.
    NotAnomalous,
    /// Anomalous ones.
    Anomalous,
}

impl Store {
    /// All data sets, by name.
    pub(in crate::serve) fn datasets(&self) -> Result<Vec<DatasetRecord>, StoreError> {
        self.read(|on| {
            let sql = format!(
                "SELECT {COLUMNS} FROM dataset d LEFT JOIN image i ON i.dataset = d.id GROUP BY d.id ORDER BY d.name"
            );
            let mut select = on.prepare_cached(&sql)?;
            Ok(select.query_map([], record)?.collect::<Result<_, _>>()?)
        })
    }

    /// A data set.
    pub(in crate::serve) fn dataset(&self, id: i64) -> Result<DatasetRecord, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM dataset d LEFT JOIN image i ON i.dataset = d.id WHERE d.id = ? GROUP BY d.id"
        );
        let found = self.read(|on| optional(on.query_row(&sql, [id], record)))?;
        found.ok_or_else(|| StoreError::missing("data set", id))
    }

    /// Makes a data set.
    pub(in crate::serve) fn add_dataset(&self, name: &str) -> Result<i64, StoreError> {
        self.write(|on| {
            let taken: bool =
                on.query_row("SELECT EXISTS (SELECT 1 FROM dataset WHERE name = ?)", [name], |row| row.get(0))?;
            if taken {
                return Err(StoreError::Conflict(format!("there is a data set {name} already")));
            }
            on.execute("INSERT INTO dataset (name, created_at) VALUES (?, ?)", params![name, now_ms()])?;
            Ok(on.last_insert_rowid())
        })
    }

    /// Removes a data set; its files are the caller's.
    pub(in crate::serve) fn delete_dataset(&self, id: i64) -> Result<(), StoreError> {
        self.write(|on| {
            let n = on.execute("DELETE FROM dataset WHERE id = ?", [id])?;
            if n == 0 { Err(StoreError::missing("data set", id)) } else { Ok(()) }
        })
    }

    /// Adds images, all of them or none.
    pub(in crate::serve) fn add_images(
        &self,
        dataset: i64,
        label: Option<&str>,
        images: &[NewImage<'_>],
    ) -> Result<(), StoreError> {
        self.write(|on| {
            let mut insert = on.prepare_cached(
                "INSERT INTO image (dataset, name, path, label, bytes, added_at) VALUES (?, ?, ?, ?, ?, ?)",
            )?;
            for new in images {
                let bytes = i64::try_from(new.bytes).unwrap_or(i64::MAX);
                insert.execute(params![dataset, new.name, text_of(new.path)?, label, bytes, now_ms()])?;
            }
            Ok(())
        })
    }

    /// Images of a data set, in the order in which they came, after that of this number.
    pub(in crate::serve) fn images(
        &self,
        dataset: i64,
        after: i64,
        limit: usize,
    ) -> Result<Vec<DatasetImage>, StoreError> {
        self.read(|on| {
            let mut select = on.prepare_cached(
                "SELECT id, name, label, bytes FROM image WHERE dataset = ? AND id > ? ORDER BY id LIMIT ?",
            )?;
            Ok(select.query_map(params![dataset, after, limit as i64], image)?.collect::<Result<_, _>>()?)
        })
    }

    /// Name and file of each image with such a label.
    pub(in crate::serve) fn files_of(
        &self,
        dataset: i64,
        which: Labelled,
    ) -> Result<Vec<(String, PathBuf)>, StoreError> {
        let clause = match which {
            Labelled::NotAnomalous => "label IS NOT 'anomalous'",
            Labelled::Anomalous => "label = 'anomalous'",
        };
        self.read(|on| {
            let sql = format!("SELECT name, path FROM image WHERE dataset = ? AND {clause} ORDER BY id");
            let pair = |row: &Row<'_>| Ok((row.get(0)?, PathBuf::from(row.get::<_, String>(1)?)));
            Ok(on.prepare_cached(&sql)?.query_map([dataset], pair)?.collect::<Result<_, _>>()?)
        })
    }

    /// The file of an image.
    pub(in crate::serve) fn image_file(&self, dataset: i64, id: i64) -> Result<PathBuf, StoreError> {
        let select = "SELECT path FROM image WHERE dataset = ? AND id = ?";
        let found = self.read(|on| optional(on.query_row(select, [dataset, id], |row| row.get::<_, String>(0))))?;
        found.map(PathBuf::from).ok_or_else(|| StoreError::missing("image", id))
    }

    /// Labels an image.
    pub(in crate::serve) fn label(&self, dataset: i64, id: i64, label: Option<&str>) -> Result<(), StoreError> {
        self.write(|on| {
            let n =
                on.execute("UPDATE image SET label = ? WHERE dataset = ? AND id = ?", params![label, dataset, id])?;
            if n == 0 { Err(StoreError::missing("image", id)) } else { Ok(()) }
        })
    }

    /// Removes an image; its file is the caller's.
    pub(in crate::serve) fn delete_image(&self, dataset: i64, id: i64) -> Result<(), StoreError> {
        self.write(|on| {
            let n = on.execute("DELETE FROM image WHERE dataset = ? AND id = ?", [dataset, id])?;
            if n == 0 { Err(StoreError::missing("image", id)) } else { Ok(()) }
        })
    }

    /// Whether an image of a data set lies there.
    pub(in crate::serve) fn has_image(&self, path: &Path) -> Result<bool, StoreError> {
        let path = text_of(path)?;
        self.read(
            |on| Ok(on.query_row("SELECT EXISTS (SELECT 1 FROM image WHERE path = ?)", [path], |row| row.get(0))?),
        )
    }
}

//! A data set.

use serde::Serialize;
use utoipa::ToSchema;

/// Images that belong together.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DatasetRecord {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// Images.
    pub n_images: i64,
    /// Of these, labelled normal.
    pub n_normal: i64,
    /// Of these, labelled anomalous.
    pub n_anomalous: i64,
    /// Of these, without a label.
    pub n_unlabelled: i64,
    /// Bytes of the images.
    pub bytes: i64,
    /// RFC 3339, UTC.
    pub created_at: String,
}

/// An image of a data set.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DatasetImage {
    /// Its number.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// `normal`, `anomalous`, or none.
    pub label: Option<String>,
    /// Bytes of the file.
    pub bytes: i64,
}

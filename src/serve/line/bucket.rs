//! A bucket of an object store that speaks S3.

use super::remote::agent;
use super::settings::StoreSettings;
use rusty_s3::{Bucket as Address, Credentials, S3Action, UrlStyle};
use std::time::Duration;
use ureq::Agent;

/// How long a request may take in all, and how long its signature is good for.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A bucket, and who writes to it.
pub(super) struct Bucket {
    address: Address,
    credentials: Credentials,
    prefix: String,
    agent: Agent,
}

impl Bucket {
    /// Opens a bucket, without asking for it.
    ///
    /// # Errors
    /// An address that is none.
    pub(super) fn open(settings: &StoreSettings) -> Result<Self, String> {
        let StoreSettings { endpoint, bucket, region, prefix, access_key, secret, .. } = settings;
        let wrong = |why: &dyn std::fmt::Display| format!("{endpoint}: {why}");
        let url = endpoint.parse().map_err(|error| wrong(&error))?;
        // Names of buckets before the host need a name server of one's own.
        let address =
            Address::new(url, UrlStyle::Path, bucket.clone(), region.clone()).map_err(|error| wrong(&error))?;
        Ok(Self {
            address,
            credentials: Credentials::new(access_key.clone(), secret.clone().unwrap_or_default()),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            agent: agent(TIMEOUT),
        })
    }

    /// Keeps an object.
    ///
    /// # Errors
    /// What the network or the store says.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let key = format!("{}{name}", self.prefix);
        let told = self.address.object_url(&key);
        let url = self.address.put_object(Some(&self.credentials), &key).sign(TIMEOUT);
        // What is told has no signature in it.
        let answer = self.agent.put(url.as_str()).send(bytes).map_err(|error| format!("{told}: {error}"))?;
        match answer.status().as_u16() {
            200..300 => Ok(()),
            status => Err(format!("{told} answers {status}")),
        }
    }
}

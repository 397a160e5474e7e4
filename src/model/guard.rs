//! A GPU that fails while a network runs on it: burn panics, pcore reports.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::failure::failed;
use super::{Backbone, BackboneSpec, FeatureMap, Footprint, ImageBatch, ModelError};

/// A network on a device that can be lost or run out of memory.
struct Guarded(Box<dyn Backbone>);

/// Opens a network on such a device.
///
/// # Errors
/// Those of `open`; [`ModelError::Device`] where the device fails, now or later in [`Backbone::features`].
pub(super) fn guarded(
    open: impl FnOnce() -> Result<Box<dyn Backbone>, ModelError>,
) -> Result<Box<dyn Backbone>, ModelError> {
    Ok(Box::new(Guarded(catch(open)?)))
}

impl Backbone for Guarded {
    fn spec(&self) -> &BackboneSpec {
        self.0.spec()
    }

    fn features(&self, images: &ImageBatch) -> Result<Vec<FeatureMap>, ModelError> {
        catch(|| self.0.features(images))
    }

    fn footprint(&self, n: usize, height_px: usize, width_px: usize) -> Result<Option<Footprint>, ModelError> {
        self.0.footprint(n, height_px, width_px)
    }
}

/// A panic as an error. What was half done is dropped with it: the network is only read, the device's queue is burn's.
pub(super) fn catch<T>(work: impl FnOnce() -> Result<T, ModelError>) -> Result<T, ModelError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(failed(message(&*panic))))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::Precision;
    use super::*;
    use crate::model::failure::one_line;

    struct Broken(BackboneSpec);

    impl Backbone for Broken {
        fn spec(&self) -> &BackboneSpec {
            &self.0
        }

        fn features(&self, images: &ImageBatch) -> Result<Vec<FeatureMap>, ModelError> {
            panic!("lost the device at {} images", images.n_images())
        }
    }

    #[test]
    fn a_device_lost_while_running_is_an_error_with_the_way_out() {
        let spec = BackboneSpec {
            name: "broken".into(),
            layers: Vec::new(),
            weights_sha256: String::new(),
            mean: [0.0; 3],
            std: [1.0; 3],
            input_size: None,
            precision: Precision::F32,
        };
        let network = guarded(|| Ok(Box::new(Broken(spec)))).unwrap();
        let images = ImageBatch::new(vec![0.0; 3], 1, 1, 1).unwrap();
        let text = network.features(&images).unwrap_err().to_string();
        assert!(text.contains("lost the device at 1 images") && text.contains("`DeviceChoice::Cpu`"), "{text}");
    }

    #[test]
    fn a_device_lost_while_loading_is_an_error() {
        let text = guarded(|| panic!("no memory")).err().unwrap().to_string();
        assert!(text.contains("no memory") && text.contains("`Pace::batch`"), "{text}");
    }

    #[test]
    fn what_a_device_says_becomes_one_line() {
        assert_eq!(one_line("An error\nCaused by:\n  no room\n\nNo backtrace available\n"), "An error: no room");
        assert_eq!(one_line("\n"), "it gave no reason");
    }
}

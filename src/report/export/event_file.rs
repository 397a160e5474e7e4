//! Event files of TensorBoard: records of protocol buffers.

use crate::report::ReportError;

/// One event file.
#[derive(Clone, Debug)]
pub struct EventFile {
    /// Seconds since 1970.
    wall_time: f64,
    bytes: Vec<u8>,
}

/// Fields of the messages `Event`, `Summary.Value` and those inside, as TensorFlow's `event.proto` and `summary.proto` number
/// them.
mod field {
    pub(super) const WALL_TIME: u64 = 1;
    pub(super) const STEP: u64 = 2;
    pub(super) const FILE_VERSION: u64 = 3;
    pub(super) const SUMMARY: u64 = 5;
    pub(super) const VALUE: u64 = 1;
    pub(super) const TAG: u64 = 1;
    pub(super) const SIMPLE_VALUE: u64 = 2;
    pub(super) const IMAGE: u64 = 4;
    pub(super) const HISTOGRAM: u64 = 5;
    pub(super) const TENSOR: u64 = 8;
    pub(super) const METADATA: u64 = 9;
}

/// Bars of a histogram.
const N_BARS: usize = 30;

impl EventFile {
    /// A file whose events all have this time, in seconds since 1970.
    #[must_use]
    pub fn new(wall_time: f64) -> Self {
        let mut file = Self { wall_time, bytes: vec![] };
        let mut event = Message::default();
        event.double(field::WALL_TIME, wall_time);
        event.bytes(field::FILE_VERSION, b"brain.Event:2");
        file.record(&event.0);
        file
    }

    /// A number.
    pub fn scalar(&mut self, step: i64, tag: &str, value: f64) {
        let mut message = tagged(tag);
        message.float(field::SIMPLE_VALUE, value as f32);
        self.value(step, &message);
    }

    /// A picture, as PNG.
    ///
    /// # Errors
    /// [`ReportError::Encoding`] where it is none.
    pub fn image(&mut self, step: i64, tag: &str, png: &[u8]) -> Result<(), ReportError> {
        let reader = image::ImageReader::with_format(std::io::Cursor::new(png), image::ImageFormat::Png);
        let (width_px, height_px) = reader.into_dimensions()?;
        let mut picture = Message::default();
        picture.whole(1, u64::from(height_px));
        picture.whole(2, u64::from(width_px));
        picture.whole(3, 3);
        picture.bytes(4, png);
        let mut message = tagged(tag);
        message.bytes(field::IMAGE, &picture.0);
        self.value(step, &message);
        Ok(())
    }

    /// How numbers are distributed, in bars of the same width; those that are not finite are left out, and of none nothing is
    /// written.
    pub fn histogram(&mut self, step: i64, tag: &str, values: &[f64]) {
        let values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(least, most), v| (least.min(*v), most.max(*v)));
        if values.is_empty() {
            return;
        }
        let width = ((most - least) / N_BARS as f64).max(f64::MIN_POSITIVE);
        let mut bars = [0.0; N_BARS];
        values.iter().for_each(|value| bars[(((value - least) / width) as usize).min(N_BARS - 1)] += 1.0);
        let limits: Vec<f64> =
            (1..=N_BARS).map(|bar| if bar == N_BARS { most } else { least + width * bar as f64 }).collect();
        let mut histogram = Message::default();
        let squares = values.iter().map(|value| value * value).sum();
        let figures = [least, most, values.len() as f64, values.iter().sum(), squares];
        (1..).zip(figures).for_each(|(number, figure)| histogram.double(number, figure));
        histogram.doubles(6, &limits);
        histogram.doubles(7, &bars);
        let mut message = tagged(tag);
        message.bytes(field::HISTOGRAM, &histogram.0);
        self.value(step, &message);
    }

    /// A text, in Markdown.
    pub fn text(&mut self, step: i64, tag: &str, text: &str) {
        let (mut plugin, mut metadata, mut tensor) = (Message::default(), Message::default(), Message::default());
        plugin.bytes(1, b"text");
        metadata.bytes(1, &plugin.0);
        // A tensor without axes that holds one text.
        tensor.whole(1, 7);
        tensor.bytes(2, &[]);
        tensor.bytes(8, text.as_bytes());
        let mut message = tagged(tag);
        message.bytes(field::TENSOR, &tensor.0);
        message.bytes(field::METADATA, &metadata.0);
        self.value(step, &message);
    }

    /// Later events have this time.
    pub fn set_time(&mut self, wall_time: f64) {
        self.wall_time = wall_time;
    }

    /// What came since this was asked the last time: the next bytes of a file that grows.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// The file.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn value(&mut self, step: i64, value: &Message) {
        let (mut summary, mut event) = (Message::default(), Message::default());
        summary.bytes(field::VALUE, &value.0);
        event.double(field::WALL_TIME, self.wall_time);
        event.whole(field::STEP, step as u64);
        event.bytes(field::SUMMARY, &summary.0);
        self.record(&event.0);
    }

    /// Length, its checksum, data, their checksum.
    fn record(&mut self, data: &[u8]) {
        let length = (data.len() as u64).to_le_bytes();
        self.bytes.extend(length);
        self.bytes.extend(masked(crc32c(&length)).to_le_bytes());
        self.bytes.extend(data);
        self.bytes.extend(masked(crc32c(data)).to_le_bytes());
    }
}

fn tagged(tag: &str) -> Message {
    let mut message = Message::default();
    message.bytes(field::TAG, tag.as_bytes());
    message
}

/// A protocol buffer.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number > 0x7f {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn whole(&mut self, field: u64, number: u64) {
        self.varint(field << 3);
        self.varint(number);
    }

    fn double(&mut self, field: u64, number: f64) {
        self.varint(field << 3 | 1);
        self.0.extend(number.to_le_bytes());
    }

    fn float(&mut self, field: u64, number: f32) {
        self.varint(field << 3 | 5);
        self.0.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn doubles(&mut self, field: u64, numbers: &[f64]) {
        self.bytes(field, &numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>());
    }
}

/// CRC-32C (Castagnoli), reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 })
    })
}

/// A checksum as records have it.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_and_records_are_those_of_the_format() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(masked(crc32c(b"123456789")), 0xc78a_b0e5);
        let mut file = EventFile { wall_time: 0.0, bytes: vec![] };
        file.record(&[8, 1]);
        let expected = [2, 0, 0, 0, 0, 0, 0, 0, 0x78, 0x27, 0x0b, 0x34, 8, 1, 0x14, 0x27, 0x56, 0x11];
        assert_eq!(file.bytes, expected);
    }

    /// A field of a message as a reader of its own finds it.
    #[derive(Debug, PartialEq)]
    enum Found<'a> {
        Whole(u64),
        Double(f64),
        Float(f32),
        Bytes(&'a [u8]),
    }

    fn take<'a>(bytes: &mut &'a [u8], n: usize) -> &'a [u8] {
        let (head, tail) = bytes.split_at(n);
        *bytes = tail;
        head
    }

    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = take(bytes, 1)[0];
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }

    fn fields(mut bytes: &[u8]) -> Vec<(u64, Found<'_>)> {
        let mut found = vec![];
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            found.push((
                key >> 3,
                match key & 7 {
                    0 => Found::Whole(varint(&mut bytes)),
                    1 => Found::Double(f64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
                    2 => {
                        let n = varint(&mut bytes) as usize;
                        Found::Bytes(take(&mut bytes, n))
                    }
                    5 => Found::Float(f32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap())),
                    kind => panic!("wire type {kind}"),
                },
            ));
        }
        found
    }

    fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut found = vec![];
        while !bytes.is_empty() {
            let length = take(&mut bytes, 8);
            let n = u64::from_le_bytes(length.try_into().unwrap()) as usize;
            assert_eq!(take(&mut bytes, 4), masked(crc32c(length)).to_le_bytes());
            let data = take(&mut bytes, n);
            assert_eq!(take(&mut bytes, 4), masked(crc32c(data)).to_le_bytes());
            found.push(data);
        }
        found
    }

    fn inside<'a>(found: &[(u64, Found<'a>)], field: u64) -> Vec<(u64, Found<'a>)> {
        match found.iter().find(|(number, _)| *number == field) {
            Some((_, Found::Bytes(bytes))) => fields(bytes),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reader_of_its_own_finds_what_was_written() {
        let mut png = vec![];
        let pixels = image::RgbImage::from_pixel(3, 2, image::Rgb([9, 8, 7]));
        pixels.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
        let mut file = EventFile::new(1.5e9);
        file.scalar(0, "a", 0.25);
        file.scalar(300, "b", -1.0);
        file.image(2, "picture", &png).unwrap();
        file.histogram(0, "scores", &[0.0, 1.0, 30.0, f64::NAN]);
        file.histogram(0, "none", &[]);
        file.text(0, "about", "words");
        assert!(file.image(0, "no picture", b"x").is_err());
        let bytes = file.finish();
        let events: Vec<_> = records(&bytes).into_iter().map(fields).collect();
        assert_eq!(events.len(), 6);
        assert_eq!(events[0], [(1, Found::Double(1.5e9)), (3, Found::Bytes(b"brain.Event:2"))]);
        assert_eq!((&events[2][0], &events[2][1]), (&(1, Found::Double(1.5e9)), &(2, Found::Whole(300))));
        let value = |at: usize| inside(&inside(&events[at], 5), 1);
        assert_eq!(value(1), [(1, Found::Bytes(b"a")), (2, Found::Float(0.25))]);
        assert_eq!(value(2), [(1, Found::Bytes(b"b")), (2, Found::Float(-1.0))]);
        let picture = inside(&value(3), 4);
        let expected = [(1, Found::Whole(2)), (2, Found::Whole(3)), (3, Found::Whole(3)), (4, Found::Bytes(&png))];
        assert_eq!(picture, expected);
        let histogram = inside(&value(4), 5);
        let figures: Vec<_> = [0.0, 30.0, 3.0, 31.0, 901.0].map(Found::Double).into_iter().collect();
        assert!(histogram.iter().map(|(_, found)| found).zip(&figures).all(|(found, figure)| found == figure));
        let Found::Bytes(bars) = &histogram[6].1 else { panic!() };
        let bars: Vec<f64> = bars.chunks(8).map(|bar| f64::from_le_bytes(bar.try_into().unwrap())).collect();
        assert_eq!((bars[0], bars[1], bars[29], bars.iter().sum::<f64>()), (1.0, 1.0, 1.0, 3.0));
        assert_eq!(inside(&value(5), 8)[2], (8, Found::Bytes(b"words")));
        assert_eq!(inside(&inside(&value(5), 9), 1), [(1, Found::Bytes(b"text"))]);
    }
}

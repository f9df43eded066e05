//! Events as protocol buffers, of which a few messages are enough to write by hand.
//!
//! Source: `TensorBoard`, `tensorboard/compat/proto/event.proto` and `summary.proto`, whose field numbers stand below.

use std::time::{SystemTime, UNIX_EPOCH};

/// A message under way.
#[derive(Default)]
struct Message(Vec<u8>);

/// How fields are written: a number of any length, eight bytes, bytes with their number, four bytes.
const VARINT: u64 = 0;
const EIGHT: u64 = 1;
const BYTES: u64 = 2;
const FOUR: u64 = 5;

impl Message {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn whole(&mut self, field: u64, number: u64) {
        self.number(field << 3 | VARINT);
        self.number(number);
    }

    fn double(&mut self, field: u64, number: f64) {
        self.number(field << 3 | EIGHT);
        self.0.extend(number.to_le_bytes());
    }

    fn float(&mut self, field: u64, number: f32) {
        self.number(field << 3 | FOUR);
        self.0.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.number(field << 3 | BYTES);
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn doubles(&mut self, field: u64, numbers: &[f64]) {
        self.bytes(field, &numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>());
    }
}

/// All that is told at one step, at the time at which this was made.
pub(super) struct Event {
    head: Message,
    /// `Summary`: values, field 1.
    summary: Message,
}

impl Event {
    /// The first event of a file: which version of the format it has.
    pub(super) fn version() -> Self {
        let mut event = Self::at(0);
        // Event.file_version
        event.head.bytes(3, b"brain.Event:2");
        event
    }

    pub(super) fn at(step: i64) -> Self {
        let mut head = Message::default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Event.wall_time, Event.step
        head.double(1, now.as_secs_f64());
        head.whole(2, step as u64);
        Self { head, summary: Message::default() }
    }

    /// Adds a value: `Summary.Value.tag`, and one of its other fields.
    fn value(&mut self, tag: &str, fill: impl FnOnce(&mut Message)) {
        let mut value = Message::default();
        value.bytes(1, tag.as_bytes());
        fill(&mut value);
        self.summary.bytes(1, &value.0);
    }

    /// A number.
    pub(super) fn scalar(&mut self, tag: &str, number: f64) {
        self.value(tag, |value| value.float(2, number as f32));
    }

    /// A picture: height, width and channels, and its PNG file.
    #[cfg(feature = "figures")]
    pub(super) fn image(&mut self, tag: &str, shape: [usize; 3], png: &[u8]) {
        let mut image = Message::default();
        for (field, number) in (1..).zip(shape) {
            image.whole(field, number as u64);
        }
        image.bytes(4, png);
        self.value(tag, |value| value.bytes(4, &image.0));
    }

    /// How numbers are spread.
    pub(super) fn histogram(&mut self, tag: &str, histogram: &Histogram) {
        let mut message = Message::default();
        let Histogram { least, most, count, sum, squares, limits, counts } = histogram;
        for (field, number) in (1..).zip([*least, *most, *count, *sum, *squares]) {
            message.double(field, number);
        }
        message.doubles(6, limits);
        message.doubles(7, counts);
        self.value(tag, |value| value.bytes(5, &message.0));
    }

    /// The message.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut event = Message(self.head.0.clone());
        if !self.summary.0.is_empty() {
            // Event.summary
            event.bytes(5, &self.summary.0);
        }
        event.0
    }
}

/// How numbers are spread: `HistogramProto`.
#[derive(Debug, PartialEq)]
pub(super) struct Histogram {
    least: f64,
    most: f64,
    count: f64,
    sum: f64,
    squares: f64,
    /// Upper ends of the buckets.
    limits: Vec<f64>,
    /// How many numbers are in each.
    counts: Vec<f64>,
}

impl Histogram {
    /// Buckets of equal width: `TensorBoard` shows as many.
    const BUCKETS: usize = 30;

    /// That of finite numbers; none of none.
    pub(super) fn of(numbers: &[f64]) -> Option<Self> {
        let least = numbers.iter().copied().reduce(f64::min).filter(|least| least.is_finite())?;
        let most = numbers.iter().copied().reduce(f64::max).filter(|most| most.is_finite())?;
        let buckets = if least < most { Self::BUCKETS } else { 1 };
        let width = (most - least) / buckets as f64;
        let mut counts = vec![0.0; buckets];
        for number in numbers {
            // The least is in the first bucket, and the most in the last.
            let bucket = if width > 0.0 { ((number - least) / width) as usize } else { 0 };
            counts[bucket.min(buckets - 1)] += 1.0;
        }
        let mut limits: Vec<f64> = (1..=buckets).map(|bucket| least + width * bucket as f64).collect();
        if let Some(last) = limits.last_mut() {
            *last = most;
        }
        let squares = numbers.iter().map(|number| number * number).sum();
        Some(Self { least, most, count: numbers.len() as f64, sum: numbers.iter().sum(), squares, limits, counts })
    }
}

/// The step of an event; none where it is no such message.
pub(super) fn step_of(mut event: &[u8]) -> Option<i64> {
    fn number(bytes: &mut &[u8]) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = bytes.split_first()?;
            *bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
    let mut step = 0;
    while !event.is_empty() {
        let tag = number(&mut event)?;
        let skipped = match tag & 7 {
            VARINT => {
                let found = number(&mut event)?;
                if tag >> 3 == 2 {
                    step = found as i64;
                }
                0
            }
            EIGHT => 8,
            BYTES => usize::try_from(number(&mut event)?).ok()?,
            FOUR => 4,
            _ => return None,
        };
        event = event.get(skipped..)?;
    }
    Some(step)
}

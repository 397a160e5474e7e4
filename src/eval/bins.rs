//! Pixels counted by their scores in bounded memory.
//!
//! A bin holds the scores whose bits, in an order that is that of their values ([`sortable`](super::ranking::sortable)), agree but
//! for the last `shift`. At first that is none: bins are single scores. Where there are more bins than allowed, each two that
//! neighbour become one, until there are not. The shift that is reached is the least with which the bins of all pixels are few
//! enough, whatever the order that the pixels came in.

/// Pixels that count alike: the background of one image, or one 8-connected region of its mask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    /// The group of the image.
    pub(super) group: u32,
    /// Of a region what a pixel is of it; `None` for the background.
    pub(super) share: Option<f64>,
}

/// The segment of a pixel's key: a sortable score above, the segment's position below.
pub(super) fn segment_of(key: u64) -> usize {
    (key & u64::from(u32::MAX)) as usize
}

/// What there is at a score, or in a bin.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub(super) n_background: u64,
    pub(super) n_defective: u64,
    /// What is found of regions, each counting 1.
    pub(super) gained: f64,
}

impl Step {
    /// Adds a pixel.
    pub(super) fn add(&mut self, segment: Segment) {
        match segment.share {
            Some(share) => {
                self.n_defective += 1;
                self.gained += share;
            }
            None => self.n_background += 1,
        }
    }

    fn join(&mut self, other: Self) {
        self.n_background += other.n_background;
        self.n_defective += other.n_defective;
        self.gained += other.gained;
    }
}

/// The pixels of a group of images in one bin.
#[derive(Clone, Copy, Debug)]
struct Bin {
    score: u32,
    group: u32,
    has: Step,
}

impl Bin {
    fn key(&self) -> (u32, u32) {
        (self.score, self.group)
    }
}

/// Bins in the order of their scores.
pub(super) struct Bins {
    bins: Vec<Bin>,
    shift: u32,
    most: usize,
}

impl Bins {
    /// None yet, and so many at most, though at least one for each group.
    pub(super) fn new(most: usize) -> Self {
        Self { bins: vec![], shift: 0, most: most.max(1) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    /// Whether all pixels of a bin have the same score.
    pub(super) fn are_exact(&self) -> bool {
        self.shift == 0
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.bins.len()
    }

    /// Counts pixels, some at a time, so that what they take is bounded too. `keys` ascend: scores above, positions in
    /// `segments` below.
    pub(super) fn add(&mut self, keys: &[u64], segments: &[Segment]) {
        for some in keys.chunks(self.most.div_ceil(4)) {
            let mut fresh: Vec<Bin> = vec![];
            for key in some {
                let (score, segment) = (((key >> 32) >> self.shift) as u32, segments[segment_of(*key)]);
                match fresh.last_mut() {
                    Some(last) if last.key() == (score, segment.group) => last.has.add(segment),
                    _ => {
                        let mut has = Step::default();
                        has.add(segment);
                        fresh.push(Bin { score, group: segment.group, has });
                    }
                }
            }
            self.bins.append(&mut fresh);
            self.tidy();
            while self.bins.len() > self.most && self.shift < u32::BITS {
                self.shift += 1;
                self.bins.iter_mut().for_each(|bin| bin.score >>= 1);
                self.tidy();
            }
        }
    }

    /// Sorts the bins, and joins those of one score and group, in the order that they came in.
    fn tidy(&mut self) {
        self.bins.sort_by_key(Bin::key);
        self.bins.dedup_by(|next, kept| {
            let are_one = next.key() == kept.key();
            if are_one {
                kept.has.join(next.has);
            }
            are_one
        });
    }

    /// Calls `visit` with what the kept groups have in each bin, from high to low, until it answers false.
    pub(super) fn walk(&self, kept: &[bool], mut visit: impl FnMut(Step) -> bool) {
        for same in self.bins.chunk_by(|a, b| a.score == b.score).rev() {
            let mut step = Step::default();
            same.iter().filter(|bin| kept[bin.group as usize]).for_each(|bin| step.join(bin.has));
            if !visit(step) {
                return;
            }
        }
    }
}

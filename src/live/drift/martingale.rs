//! Bets on p-values.

/// A bet: what a p-value multiplies the capital by. Its mean over evenly spread p-values is 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bet {
    /// `epsilon * p^(epsilon - 1)`, with epsilon between 0 and 1: on small p-values.
    Power(f64),
    /// The same of `1 - p`: on large p-values.
    HighPower(f64),
    /// `1 + lambda` up to a half, `1 - lambda` above: on p-values below a half, whatever their size.
    Half(f64),
    /// No bet: the capital stays.
    None,
}

/// Smaller p-values count as this one.
const LEAST_P: f64 = 1e-12;

impl Bet {
    /// The natural logarithm of what it multiplies by.
    fn ln(self, p: f64) -> f64 {
        match self {
            Self::Power(epsilon) => epsilon.ln() + (epsilon - 1.0) * p.max(LEAST_P).ln(),
            Self::HighPower(epsilon) => Self::Power(epsilon).ln(1.0 - p),
            Self::Half(lambda) => if p <= 0.5 { 1.0 + lambda } else { 1.0 - lambda }.ln(),
            Self::None => 0.0,
        }
    }
}

/// Capital that is spread over several bets: a test martingale as they are.
#[derive(Clone, Debug)]
pub struct Martingale {
    bets: Vec<(Bet, f64)>,
    share: f64,
}

impl Martingale {
    /// A capital of 1, spread evenly. After each p-value this `share` of all capital is spread anew, so that a long quiet time
    /// does not use up what a change is bet on with (fixed share, Herbster and Warmuth 1998); 0 for a plain mixture.
    #[must_use]
    pub fn new(bets: &[Bet], share: f64) -> Self {
        let each = -(bets.len().max(1) as f64).ln();
        Self { bets: bets.iter().map(|bet| (*bet, each)).collect(), share }
    }

    /// Bets on the next p-value; the natural logarithm of the capital then.
    pub fn push(&mut self, p: f64) -> f64 {
        self.bets.iter_mut().for_each(|(bet, capital)| *capital += bet.ln(p));
        let total = self.ln();
        if self.share > 0.0 {
            let anew = total + self.share.ln() - (self.bets.len() as f64).ln();
            let kept = (1.0 - self.share).ln();
            self.bets.iter_mut().for_each(|(_, capital)| *capital = ln_sum([*capital + kept, anew]));
        }
        total
    }

    /// The natural logarithm of the capital.
    #[must_use]
    pub fn ln(&self) -> f64 {
        ln_sum(self.bets.iter().map(|(_, capital)| *capital))
    }
}

/// The logarithm of a sum of numbers given by their logarithms.
pub(super) fn ln_sum(logarithms: impl IntoIterator<Item = f64> + Clone) -> f64 {
    let most = logarithms.clone().into_iter().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + logarithms.into_iter().map(|one| (one - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_power_martingale_is_that_of_the_formula() {
        let mut martingale = Martingale::new(&[Bet::Power(0.5)], 0.0);
        let found: Vec<f64> = [0.5, 0.04, 0.01, 0.6, 0.02].map(|p| martingale.push(p).exp()).into();
        for (found, expected) in found.iter().zip([0.5f64.sqrt(), 1.7678, 8.8388, 5.7054, 20.1718]) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }

    #[test]
    fn every_bet_is_fair_and_spreading_anew_takes_nothing() {
        for bet in [Bet::Power(0.3), Bet::Power(0.75), Bet::HighPower(0.3), Bet::Half(0.9), Bet::None] {
            let is_high = matches!(bet, Bet::HighPower(_));
            // The mean over evenly spread p-values; dense at the end where a power has its mass.
            let n = 400_000;
            let mean = (0..n).map(|i| {
                let (from, to) = ((f64::from(i) / f64::from(n)).powi(4), (f64::from(i + 1) / f64::from(n)).powi(4));
                bet.ln(if is_high { 1.0 - (from + to) / 2.0 } else { (from + to) / 2.0 }).exp() * (to - from)
            });
            assert!((mean.sum::<f64>() - 1.0).abs() < 2e-3, "{bet:?}");
        }
        let mut spread = Martingale::new(&[Bet::Power(0.5), Bet::None], 0.1);
        let before = spread.push(0.2);
        assert!((spread.ln() - before).abs() < 1e-12);
    }

    #[test]
    fn capital_survives_a_quiet_time() {
        let bets = [Bet::Power(0.5), Bet::None];
        let (mut plain, mut spread) = (Martingale::new(&bets[..1], 0.0), Martingale::new(&bets, 0.002));
        for i in 0..1000 {
            let p = f64::from(i * 617 % 1000) / 1000.0 + 0.0005;
            plain.push(p);
            spread.push(p);
        }
        assert!(plain.ln() < -100.0 && spread.ln() > -5.0, "{} {}", plain.ln(), spread.ln());
    }
}

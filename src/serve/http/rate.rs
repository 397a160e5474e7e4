//! How often one address is answered.

use super::problem::Problem;
use axum::http::StatusCode;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::net::IpAddr;

/// Addresses after which those are forgotten that have not asked of late.
const MANY: usize = 1024;

/// A quota of each address.
pub(super) struct Rate {
    asked: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Rate {
    pub(super) fn new(quota: Quota) -> Self {
        Self { asked: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// `refusal`, where the address has used up its quota, with the time after which it has more.
    pub(super) fn count(&self, from: IpAddr, refusal: &str) -> Result<(), Problem> {
        if self.asked.len() > MANY {
            self.asked.retain_recent();
        }
        self.asked.check_key(&from).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Problem::new(StatusCode::TOO_MANY_REQUESTS, refusal).after(wait)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::num::NonZeroU32;

    #[test]
    fn each_address_has_its_own_quota_and_those_of_long_ago_are_forgotten() {
        let rate = Rate::new(Quota::per_hour(NonZeroU32::new(2).unwrap()));
        let address = |n: u32| IpAddr::from(Ipv4Addr::from(n));
        for _ in 0..2 {
            assert!(rate.count(address(1), "too many").is_ok());
        }
        let refused = rate.count(address(1), "too many").unwrap_err();
        assert_eq!((refused.status(), refused.detail()), (429, "too many"));
        assert!(rate.count(address(2), "too many").is_ok());

        let fast = Rate::new(Quota::per_second(NonZeroU32::new(1_000_000).unwrap()));
        (0..5000).for_each(|n| assert!(fast.count(address(n), "too many").is_ok()));
        assert!(fast.asked.len() < 3 * MANY, "{}", fast.asked.len());
    }
}

//! What one client may use: size and time of a request, headers, requests per minute. All numbers that an operator
//! need not change are constants here; the others come from the configuration.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, Request, StatusCode};
use tower_governor::GovernorError;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;

use super::error::ApiError;

/// Connections served at once; more wait in the system's backlog.
pub(super) const MAX_CONNECTIONS: usize = 8_192;
/// Headers the parser reads at most; beyond, it answers 431 without a document.
pub(super) const MAX_HEADERS_READ: usize = 256;
/// Bytes of request line and headers the parser reads at most.
pub(super) const MAX_HEADER_BUFFER: usize = 64 * 1024;
/// Headers a request may have.
const MAX_HEADERS: usize = 64;
/// Bytes a request's headers may have, names and values.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Sign-in attempts per minute for one name from one address, and for all names from it: behind a proxy, all staff come
/// from one address.
const SIGN_INS_PER_MINUTE: u32 = 10;
const SIGN_INS_PER_ADDRESS: u32 = 120;
/// After so many checks, clients that have been quiet are forgotten.
const FORGET_EVERY: u64 = 1_024;

/// Refuses headers that are too many or too large.
pub(super) fn check_headers(headers: &HeaderMap) -> Result<(), ApiError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        let error = ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large");
        return Err(error.with("count", MAX_HEADERS).with("bytes", MAX_HEADER_BYTES));
    }
    Ok(())
}

/// Requests per minute and client address.
pub(super) struct RateLimits {
    messages: Option<Limiter>,
    sign_ins: Limiter,
    sign_ins_of_all: Limiter,
    /// Makes keys of what is counted.
    hasher: RandomState,
}

impl RateLimits {
    /// At most `messages_per_minute` messages a client; 0 = no limit. Sign-in attempts are always limited.
    pub(super) fn new(messages_per_minute: u32) -> Self {
        Self {
            messages: (messages_per_minute > 0).then(|| Limiter::new(messages_per_minute)),
            sign_ins: Limiter::new(SIGN_INS_PER_MINUTE),
            sign_ins_of_all: Limiter::new(SIGN_INS_PER_ADDRESS),
            hasher: RandomState::new(),
        }
    }

    /// Counts a message of `peer`.
    pub(super) fn message(&self, peer: SocketAddr) -> Result<(), ApiError> {
        let key = self.hasher.hash_one(network(peer.ip()));
        self.messages.as_ref().map_or(Ok(()), |limiter| limiter.check(key))
    }

    /// Counts an attempt of `peer` to sign in as `login`.
    pub(super) fn sign_in(&self, peer: SocketAddr, login: &str) -> Result<(), ApiError> {
        let address = network(peer.ip());
        self.sign_ins_of_all.check(self.hasher.hash_one(address))?;
        self.sign_ins.check(self.hasher.hash_one((address, login)))
    }
}

/// One limit. The algorithm (GCRA) is `tower_governor`'s; a layer of it could not tell messages from other requests.
struct Limiter {
    allows: Box<dyn Fn(u64) -> bool + Send + Sync>,
    /// Seconds until one more request is allowed.
    wait: u64,
}

impl Limiter {
    fn new(per_minute: u32) -> Self {
        let config = GovernorConfigBuilder::default()
            .per_nanosecond(60_000_000_000 / u64::from(per_minute))
            .burst_size(per_minute)
            .key_extractor(Keys)
            .finish()
            .expect("a minute divided by 1 to 60,000,000,000 is not zero");
        let checks = AtomicU64::new(0);
        let allows = Box::new(move |key| {
            if checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(FORGET_EVERY) {
                config.limiter().retain_recent();
            }
            config.limiter().check_key(&key).is_ok()
        });
        Self { allows, wait: u64::from(60_u32.div_ceil(per_minute)) }
    }

    fn check(&self, key: u64) -> Result<(), ApiError> {
        if (self.allows)(key) {
            return Ok(());
        }
        let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited");
        Err(error.with("seconds", self.wait).retry_after(self.wait))
    }
}

/// Says of what kind the keys are; they are made by [`RateLimits`], never taken from a request here.
#[derive(Clone)]
struct Keys;

impl KeyExtractor for Keys {
    type Key = u64;

    fn extract<T>(&self, _: &Request<T>) -> Result<u64, GovernorError> {
        Err(GovernorError::UnableToExtractKey)
    }
}

/// What counts as one client: an IPv4 address, or the /64 an IPv6 client may roam in.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_beyond_its_limit_is_refused_and_others_are_not() {
        let limits = RateLimits::new(3);
        let peer = |address: &str| SocketAddr::new(address.parse().expect("address"), 4_000);
        for _ in 0..3 {
            limits.message(peer("192.0.2.1")).expect("within the limit");
        }
        let refused = limits.message(peer("192.0.2.1")).expect_err("beyond the limit");
        assert_eq!((refused.status.as_u16(), refused.retry_after), (429, Some(20)));
        limits.message(peer("192.0.2.2")).expect("another client");
        RateLimits::new(0).message(peer("192.0.2.1")).expect("no limit");
    }

    #[test]
    fn one_ipv6_network_is_one_client() {
        let [a, b, c] =
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|a| network(a.parse().expect("address")));
        assert_eq!(a, b);
        assert_ne!(a, c);
        assert_eq!(
            network("::ffff:192.0.2.1".parse().expect("address")),
            "192.0.2.1".parse::<IpAddr>().expect("address")
        );
    }

    #[test]
    fn headers_beyond_the_limits_are_refused() {
        let mut headers = HeaderMap::new();
        headers.insert("x-one", "1".parse().expect("value"));
        check_headers(&headers).expect("small");
        headers.insert("x-large", "x".repeat(MAX_HEADER_BYTES).parse().expect("value"));
        assert_eq!(check_headers(&headers).expect_err("large").status.as_u16(), 431);
    }
}

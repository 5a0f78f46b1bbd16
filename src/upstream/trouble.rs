//! Why there was no exchange, in words for whoever runs the gateway. They are fixed: no name, address or word of another's
//! stands in them.

use super::connect::NameUnknown;
use std::error::Error;
use std::io::{self, ErrorKind};
use tokio::time::error::Elapsed;

const LATE: &str = "no connection came about in time";
const BROKE: &str = "the connection broke";

/// It came whole, and is not what its coding says.
pub(super) const SPOILED: &str = "its answer cannot be unpacked";

/// What an error of the HTTP library comes from, as far as it can be told.
pub(super) fn of(error: &(dyn Error + 'static)) -> Option<&'static str> {
    causes(error).find_map(told)
}

/// Whether the system gave up waiting for the other end.
pub(super) fn is_late(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let cause = cause.downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == ErrorKind::TimedOut)
    })
}

/// Whether it is the connection's own, and not of what came over it.
pub(super) fn is_of_connection(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        let wrapped = io.and_then(io::Error::get_ref);
        cause.is::<hyper::Error>() || wrapped.is_some_and(|wrapped| wrapped.is::<hyper::Error>())
    })
}

/// The error and what it comes from, the outermost first.
pub(super) fn causes<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| (*cause).source())
}

fn told(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    if cause.is::<NameUnknown>() {
        return Some("its name is not known");
    }
    if cause.is::<Elapsed>() {
        return Some(LATE);
    }
    if let Some(cause) = cause.downcast_ref::<hyper::Error>() {
        let broke = cause.is_incomplete_message().then_some(BROKE);
        return if cause.is_parse() {
            Some("it does not speak HTTP there")
        } else {
            broke
        };
    }
    if let Some(cause) = cause.downcast_ref::<rustls::Error>() {
        return Some(match cause {
            rustls::Error::InvalidCertificate(_) => "its certificate is not trusted",
            _ => "no TLS came about",
        });
    }
    let cause = cause.downcast_ref::<io::Error>()?;
    // What it wraps is not among what it comes from.
    let wrapped = cause.get_ref().and_then(|wrapped| told(wrapped));
    if wrapped.is_some() {
        return wrapped;
    }
    match cause.kind() {
        ErrorKind::ConnectionRefused => Some("it refuses connections"),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Some("no way leads there"),
        ErrorKind::TimedOut => Some(LATE),
        // Of TLS, before there is any.
        ErrorKind::InvalidData => Some("no TLS came about"),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Some(BROKE),
        _ => None,
    }
}

//! Why there was no exchange, in words for whoever runs the gateway. They are fixed: no name, address or word of another's
//! stands in them.

use std::error::Error;
use std::io::{self, ErrorKind};
use tokio::time::error::Elapsed;

const LATE: &str = "no connection came about in time";
const BROKE: &str = "the connection broke";

/// What an error of the HTTP library comes from, as far as it can be told.
pub(super) fn of(error: &reqwest::Error) -> Option<&'static str> {
    if error.is_dns() {
        return Some("its name is not known");
    }
    if error.is_connect() && error.is_timeout() {
        return Some(LATE);
    }
    std::iter::successors(error.source(), |cause| (*cause).source()).find_map(told)
}

fn told(cause: &(dyn Error + 'static)) -> Option<&'static str> {
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
    let cause = cause.downcast_ref::<io::Error>()?;
    match cause.kind() {
        ErrorKind::ConnectionRefused => Some("it refuses connections"),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Some("no way leads there"),
        ErrorKind::TimedOut => Some(LATE),
        // Of TLS.
        ErrorKind::InvalidData if cause.to_string().contains("certificate") => {
            Some("its certificate is not trusted")
        }
        ErrorKind::InvalidData => Some("no TLS came about"),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Some(BROKE),
        _ => None,
    }
}

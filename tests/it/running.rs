//! A gateway in front of the emulated CRMs, as `crmql demo` starts it, within the test's own process.

use crate::support::gateway::listening;
use crmql::app::{demo_sources, routes};
use crmql::config::CacheTimes;
use crmql::demo::{self, Options};
use crmql::http::Readiness;
use crmql::limits::Limits;

/// A running gateway. The emulated CRMs live as long as it does.
pub(crate) struct Running {
    /// `http://ADDRESS:PORT`
    pub(crate) url: String,
    _crms: demo::Demo,
}

/// Starts the emulated CRMs with so many customers each, and a gateway in front of them.
pub(crate) async fn demo_gateway(customers: usize) -> Running {
    let options = Options {
        customers,
        ports: None,
    };
    let crms = demo::start(options).await.unwrap();
    let sources = demo_sources(&crms, Some(&CacheTimes::default()), &Limits::default()).unwrap();
    let limits = Limits::default();
    let readiness = Readiness::new();
    let routes = routes(sources, &[7; 32], &limits, &readiness).unwrap();
    let (url, _) = listening(routes, limits, readiness).await;
    Running { url, _crms: crms }
}

//! A gateway in front of the emulated CRMs, as `crmql demo` starts it, within the test's own process.

use crmql::app::{demo_sources, routes};
use crmql::config::CacheTimes;
use crmql::demo::{self, Options};
use crmql::http::{Readiness, serve};
use crmql::limits::Limits;
use tokio::net::TcpListener;

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
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        serve(
            listener,
            routes,
            &limits,
            &readiness,
            std::future::pending(),
        )
        .await
    });
    Running { url, _crms: crms }
}

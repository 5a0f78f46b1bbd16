//! The HTTP client of one CRM, and when it gives its connections up.
//!
//! Over HTTP/1.1 an exchange that times out ends its connection. Over HTTP/2 many exchanges share one, and it may be dead
//! without anybody being told: then the next ones must not go the same way.

use super::connect::{Connector, TlsError, connector};
use bytes::Bytes;
use http::Version;
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(60);

/// The client of one CRM, which is renewed where its connections are of no use.
pub struct Client {
    connect: Duration,
    current: RwLock<Arc<Connections>>,
    renewing: Mutex<()>,
}

/// The connections of a client until it is renewed.
pub struct Connections {
    /// Sends.
    pub client: legacy::Client<Connector, Full<Bytes>>,
    /// Whether it is known to speak HTTP/1, where exchanges share no connection.
    apart: AtomicBool,
}

impl Client {
    /// Opens nothing yet.
    ///
    /// # Errors
    /// When the TLS back end cannot be set up on this machine.
    pub fn new(connect: Duration) -> Result<Self, TlsError> {
        let connections = Connections::new(connect)?;
        Ok(Self {
            connect,
            current: RwLock::new(Arc::new(connections)),
            renewing: Mutex::new(()),
        })
    }

    /// The connections to use now.
    pub fn current(&self) -> Arc<Connections> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// An exchange over these was not answered in time. Where others may be on the same connection, those that come from now
    /// on get new ones; those under way stay.
    pub fn give_up(&self, used: &Arc<Connections>) {
        if used.are_apart() {
            return;
        }
        // Making new ones takes a while, so one does it, where nobody has yet.
        let Ok(_only) = self.renewing.try_lock() else {
            return;
        };
        if !Arc::ptr_eq(&self.current(), used) {
            return;
        }
        let Ok(new) = Connections::new(self.connect) else {
            return;
        };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
    }
}

impl Connections {
    fn new(timeout: Duration) -> Result<Self, TlsError> {
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector(timeout)?);
        Ok(Self {
            client,
            apart: AtomicBool::new(false),
        })
    }

    /// Notes in which version the CRM speaks.
    pub fn hear(&self, version: Version) {
        self.apart
            .store(version < Version::HTTP_2, Ordering::Relaxed);
    }

    /// Whether each exchange is known to have a connection of its own.
    pub fn are_apart(&self) -> bool {
        self.apart.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_are_shared_are_given_up_once() {
        for (version, renewed) in [
            (None, true),
            (Some(Version::HTTP_2), true),
            (Some(Version::HTTP_11), false),
        ] {
            let client = Client::new(Duration::from_secs(1)).unwrap();
            let first = client.current();
            if let Some(version) = version {
                first.hear(version);
            }
            client.give_up(&first);
            let second = client.current();
            assert_eq!(!Arc::ptr_eq(&first, &second), renewed, "{version:?}");
            client.give_up(&first);
            assert!(Arc::ptr_eq(&second, &client.current()), "given up before");
        }
    }
}

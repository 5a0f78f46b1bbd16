//! Routes that can be exchanged while they serve: a request that has begun ends on the routes it began on.

use super::Routes;
use tokio::sync::watch;

/// Routes that can be exchanged. All clones are one.
#[derive(Clone)]
pub struct Swap(watch::Sender<Routes>);

impl Swap {
    /// Begins with these.
    pub fn new(routes: Routes) -> Self {
        Self(watch::Sender::new(routes))
    }

    /// From now on requests that begin take these.
    pub fn put(&self, routes: Routes) {
        drop(self.0.send_replace(routes));
    }

    /// What was put last.
    pub(super) fn now(&self) -> Routes {
        self.0.borrow().clone()
    }
}

impl From<Routes> for Swap {
    fn from(routes: Routes) -> Self {
        Self::new(routes)
    }
}

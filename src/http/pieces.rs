//! Answers over HTTP/2: handed out in pieces, and given up where no piece is taken for too long.
//!
//! Every answer has a window of its own there, so one can lie while the connection goes on with others. Who runs a stream
//! cannot look into it; so the answer notes, for the task it is sent by, when it last got rid of a piece.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::rt::Executor;
use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// As much of an answer as may wait where nobody can take it back.
const PIECE: usize = 16_384;

tokio::task_local! {
    /// When the answer was made, or its last piece was taken.
    static TAKEN: Cell<Option<Instant>>;
}

fn note() {
    // Outside of a stream nobody asks.
    let noted = TAKEN.try_with(|taken| taken.set(Some(Instant::now())));
    noted.unwrap_or_default();
}

/// Runs streams, and gives one up whose answer lies for so long.
#[derive(Clone)]
pub(super) struct Streams(pub(super) Duration);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let patience = self.0;
        tokio::spawn(TAKEN.scope(Cell::new(None), async move {
            tokio::select! {
                biased;
                _ = stream => {}
                () = lying(patience) => tracing::debug!("an answer was not taken"),
            }
        }));
    }
}

/// Ends when the task's answer has been lying for so long.
async fn lying(patience: Duration) {
    loop {
        match TAKEN.with(Cell::get).map(|taken| taken + patience) {
            None => sleep(patience).await,
            Some(end) if end <= Instant::now() => return,
            Some(end) => sleep_until(end).await,
        }
    }
}

/// An answer that is handed out piece by piece, and keeps what is `held` until its last one.
pub(super) fn in_pieces(response: Response, held: impl Send + Unpin + 'static) -> Response {
    note();
    response.map(|body| {
        Body::new(Pieces {
            body,
            rest: Bytes::new(),
            _held: held,
        })
    })
}

struct Pieces<H> {
    body: Body,
    rest: Bytes,
    _held: H,
}

impl<H: Unpin> HttpBody for Pieces<H> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                ended => return Poll::Ready(ended),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(other) => return Poll::Ready(Some(Ok(other))),
            }
        }
        note();
        let size = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.size_hint();
        match (self.rest.len(), hint.exact()) {
            (0, _) => hint,
            (rest, Some(more)) => SizeHint::with_exact(more + rest as u64),
            (_, None) => SizeHint::default(),
        }
    }
}

//! `GET /`: a page to write queries in. Everything it needs comes from the binary, so it works with no internet.
//!
//! With what `build.rs` could fetch it is GraphiQL, else a plain editor of our own. Nothing of others is kept in the tree.

use super::Shared;
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

/// Scripts only from here; styles also inline, as GraphiQL's editor sets them. Nothing may be loaded from elsewhere, nor the
/// page be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Files may be kept for an hour; they change only with the binary.
const KEEP: &str = "max-age=3600";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Path, media type, content.
type File = (&'static str, &'static str, &'static str);

const COMMON: [File; 2] = [
    ("/favicon.svg", SVG, include_str!("page/favicon.svg")),
    (
        "/graphiql/first-query.js",
        JAVASCRIPT,
        include_str!("page/first-query.js"),
    ),
];

#[cfg(full_graphiql)]
const PAGE: &[File] = &[
    ("/", HTML, include_str!("page/full.html")),
    (
        "/graphiql/page.js",
        JAVASCRIPT,
        include_str!("page/full.js"),
    ),
    ("/graphiql/page.css", CSS, include_str!("page/full.css")),
    (
        "/graphiql/react.js",
        JAVASCRIPT,
        include_str!(concat!(env!("OUT_DIR"), "/graphiql/react.js")),
    ),
    (
        "/graphiql/react-dom.js",
        JAVASCRIPT,
        include_str!(concat!(env!("OUT_DIR"), "/graphiql/react-dom.js")),
    ),
    (
        "/graphiql/graphiql.js",
        JAVASCRIPT,
        include_str!(concat!(env!("OUT_DIR"), "/graphiql/graphiql.js")),
    ),
    (
        "/graphiql/graphiql.css",
        CSS,
        include_str!(concat!(env!("OUT_DIR"), "/graphiql/graphiql.css")),
    ),
    (
        "/graphiql/licence.txt",
        "text/plain; charset=utf-8",
        concat!(
            "GraphiQL\n\n",
            include_str!(concat!(env!("OUT_DIR"), "/graphiql/licence-graphiql.txt")),
            "\nReact\n\n",
            include_str!(concat!(env!("OUT_DIR"), "/graphiql/licence-react.txt")),
        ),
    ),
];

#[cfg(not(full_graphiql))]
const PAGE: &[File] = &[
    ("/", HTML, include_str!("page/plain.html")),
    (
        "/graphiql/page.js",
        JAVASCRIPT,
        include_str!("page/plain.js"),
    ),
    ("/graphiql/page.css", CSS, include_str!("page/plain.css")),
];

pub(super) fn routes() -> Router<Arc<Shared>> {
    // Browsers ask for it even where a page names another.
    let router = Router::new().route(
        "/favicon.ico",
        get(async || axum::http::StatusCode::NO_CONTENT),
    );
    COMMON.iter().chain(PAGE).fold(router, |router, &file| {
        router.route(file.0, get(async move || respond(file)))
    })
}

fn respond((path, media_type, content): File) -> Response {
    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    if path != "/" {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(KEEP));
    }
    response
}

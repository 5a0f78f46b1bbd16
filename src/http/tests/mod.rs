//! The routes over the toy schema: without sockets where none are needed, with real ones where time and connections matter.

mod callers;
mod connections;
mod figures;
mod pages;
mod requests;

use crate::graphql::toy;
use crate::http::{Hosts, Policy, Readiness, Routes, router};
use crate::limits::Limits;
use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(super) const NEW: &str = "application/graphql-response+json";
pub(super) const OLD: &str = "application/json";

pub(super) fn routes_with(limits: &Limits) -> Routes {
    router(
        toy::gateway(limits),
        limits,
        Readiness::new(),
        Policy::open(Hosts::Any),
    )
}

pub(super) fn routes() -> Routes {
    routes_with(&Limits::default())
}

pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) headers: axum::http::HeaderMap,
    pub(super) text: String,
}

impl Got {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn code(&self) -> String {
        let body = self.json();
        assert!(body.get("data").is_none(), "{body}");
        assert_eq!(
            body["errors"][0]["extensions"]["requestId"],
            self.header("x-request-id")
        );
        body["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

pub(super) async fn send_to(routes: Routes, mut request: Request<Body>) -> Got {
    // As every client of HTTP/1.1 does.
    let headers = request.headers_mut();
    if !headers.contains_key(header::HOST) {
        headers.insert(header::HOST, header::HeaderValue::from_static("localhost"));
    }
    answered(routes, request).await
}

/// The answer to a request as it stands.
pub(super) async fn answered(routes: Routes, request: Request<Body>) -> Got {
    let response = routes.answer(request, LOOPBACK).await;
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    assert_eq!(
        parts.headers.get("x-content-type-options").unwrap(),
        "nosniff"
    );
    assert!(parts.headers.contains_key("x-request-id"));
    Got {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap_or_default(),
    }
}

pub(super) async fn send(request: Request<Body>) -> Got {
    send_to(routes(), request).await
}

pub(super) fn post() -> Builder {
    Request::post("/graphql").header(header::CONTENT_TYPE, OLD)
}

pub(super) fn get(query: &[(&str, &str)]) -> Builder {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    Request::get(format!("/graphql?{query}"))
}

pub(super) fn body(value: &Value) -> Body {
    Body::from(value.to_string())
}

pub(super) fn nothing() -> Body {
    Body::empty()
}

//! Somebody who visits one CRM of a demo, and what comes back.

use reqwest::{Client, Method};
use serde_json::Value;

use super::super::{Crm, Demo, Options, start};

/// A client without root certificates, whose loading takes longer than a whole test.
fn client() -> Client {
    let builder = Client::builder().no_proxy().tls_certs_only([]);
    builder.build().unwrap()
}

/// One CRM with somebody who may use it.
pub(super) struct Visit {
    pub(super) demo: Demo,
    place: usize,
    pub(super) http: Client,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) body: Value,
}

impl Got {
    pub(super) fn at(&self, pointer: &str) -> &Value {
        let none = &Value::Null;
        self.body.pointer(pointer).unwrap_or(none)
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        let header = self.headers.get(name);
        let text = header.expect("the header is there").to_str().unwrap();
        text.parse().unwrap()
    }

    /// The values of a field of every row.
    pub(super) fn each(&self, rows: &str, field: &str) -> Vec<Value> {
        let rows = self.at(rows).as_array().unwrap();
        let values = rows.iter().map(|row| row.pointer(field).cloned());
        values.map(Option::unwrap_or_default).collect()
    }
}

impl Visit {
    pub(super) async fn of(key: &str) -> Self {
        Self::sized(key, 250).await
    }

    pub(super) async fn sized(key: &str, customers: usize) -> Self {
        let options = Options {
            customers,
            ports: None,
        };
        let demo = start(options).await.unwrap();
        let place = demo.crms.iter().position(|crm| crm.key == key).unwrap();
        let http = client();
        let mut visit = Self {
            demo,
            place,
            http,
            headers: Vec::new(),
        };
        visit.headers = match key {
            "gormic" => vec![
                ("api-key", visit.var("api_key")),
                ("organization-id", visit.var("organization")),
            ],
            "flextell" => vec![],
            _ => vec![("authorization", format!("Bearer {}", visit.var("api_key")))],
        };
        if key == "flextell" {
            let refresh = visit.var("refresh_token");
            let granted = visit.refresh(&refresh).await;
            let token = granted.at("/access_token").as_str().unwrap();
            visit.headers = vec![("authorization", format!("Bearer {token}"))];
            visit.crm().clear_log();
        }
        visit
    }

    pub(super) fn crm(&self) -> &Crm {
        &self.demo.crms[self.place]
    }

    pub(super) fn var(&self, name: &str) -> String {
        let vars = &self.crm().vars;
        vars.iter().find(|var| var.0 == name).unwrap().1.clone()
    }

    /// Asks with the headers of somebody who may.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Got {
        self.try_ask(method, path, body).await.unwrap()
    }

    pub(super) async fn try_ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Got> {
        let json = ("content-type", "application/json".to_owned());
        let mut headers = self.headers.clone();
        headers.extend(body.map(|_| json));
        let text = body.map(Value::to_string).unwrap_or_default();
        self.raw(method, path, &headers, text).await
    }

    /// Asks with exactly these headers and this body.
    pub(super) async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> reqwest::Result<Got> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}{path}", self.crm().url);
        let mut request = self.http.request(method, url).body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Got {
            status,
            headers,
            body,
        })
    }

    pub(super) async fn get(&self, path: &str) -> Got {
        self.ask("GET", path, None).await
    }

    /// Asks Flextell for an access token.
    pub(super) async fn refresh(&self, refresh: &str) -> Got {
        let form = format!(
            "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={refresh}",
            self.var("client_id"),
            self.var("client_secret"),
        );
        let label = (
            "content-type",
            "application/x-www-form-urlencoded".to_owned(),
        );
        let asked = self.raw("POST", "/oauth/token", &[label], form).await;
        asked.unwrap()
    }
}

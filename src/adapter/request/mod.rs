//! A request in the making. Every value is encoded by the place it goes to, so no value can change the request's shape.

mod encode;

pub use encode::{encode, header_value};

use super::constants::{About, Constant, form_name};
use super::manifest::{ListForm, Route, RouteErrors, Success};
use super::place::{Destination, JsonPath, Part, Template};
use super::wire::scalar_text;
use crate::upstream::Request;
use bytes::Bytes;
use encode::{append, as_segment, flatten, text_or_json};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

/// The values of an adapter's vars.
pub type Vars = BTreeMap<String, String>;

/// A value that cannot stand where the adapter puts it, for example a line break in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaceable;

/// A route whose vars are filled in: what is the same for every request of it.
#[derive(Clone, Debug)]
pub struct Prepared {
    method: http::Method,
    path: Vec<Segment>,
    query: String,
    /// Query parameters that name the customer.
    query_of_id: Vec<(String, Template)>,
    headers: HeaderMap,
    put: Vec<(JsonPath, Constant)>,
    form: bool,
    /// The CRM's ids are numbers.
    counts_ids: bool,
    refusals: Arc<RouteErrors>,
    success: Option<Arc<Success>>,
}

/// What the answers of a route mean, where that is something else than elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct RouteWords<'a> {
    /// What refusals mean.
    pub errors: &'a RouteErrors,
    /// What makes an answer a success.
    pub success: Option<&'a Success>,
}

/// A piece of a path.
#[derive(Clone, Debug)]
enum Segment {
    Text(String),
    Hole(Box<str>),
}

impl Prepared {
    /// Fills a route's vars; `None` where one of its headers or parameters holds what it may not.
    pub fn new(
        route: &Route,
        vars: &Vars,
        query: &[(String, Template)],
        headers: &HeaderMap,
    ) -> Option<Self> {
        let get = |name: &str| vars.get(name).map(String::as_str);
        let segment = |part: &Part| match part {
            Part::Text(text) => Some(Segment::Text(text.to_string())),
            Part::Hole(name) => match get(name) {
                Some(value) => as_segment(value).map(Segment::Text),
                None => Some(Segment::Hole(name.clone())),
            },
        };
        let path = route.path.parts().iter().map(segment);
        let mut text = String::new();
        let mut query_of_id = Vec::new();
        for (name, template) in query.iter().chain(&route.query) {
            let template = template.filled(get);
            if template.holes().any(|hole| hole == "id") {
                query_of_id.push((name.clone(), template));
            } else {
                append(&mut text, name, &template.fill(get)?);
            }
        }
        let mut all = headers.clone();
        for (name, template) in &route.headers {
            all.insert(name.clone(), header_value(&template.fill(get)?).ok()?);
        }
        Some(Self {
            method: route.method.clone(),
            path: path.collect::<Option<_>>()?,
            query: text,
            query_of_id,
            headers: all,
            put: route
                .put
                .iter()
                .map(|(path, value)| (path.clone(), Constant::new(value, &get)))
                .collect(),
            form: route.form,
            counts_ids: false,
            refusals: Arc::clone(&route.errors),
            success: route.ok.clone().map(Arc::new),
        })
    }

    /// The same for a CRM whose ids are numbers, or are not.
    #[must_use]
    pub fn counting_ids(self, counts_ids: bool) -> Self {
        Self { counts_ids, ..self }
    }

    /// A request of this route, for one customer where the path names one.
    pub fn draft(&self, id: Option<&str>) -> Draft<'_> {
        let mut query = self.query.clone();
        for (name, template) in &self.query_of_id {
            let value = template.fill(|hole| id.filter(|_| hole == "id"));
            append(&mut query, name, &value.unwrap_or_default());
        }
        Draft {
            route: self,
            id: id.map(str::to_owned),
            holes: Vec::new(),
            query,
            headers: self.headers.clone(),
            body: Value::Null,
            form: String::new(),
            has_constants: false,
        }
    }
}

/// A request in the making.
#[derive(Clone, Debug)]
pub struct Draft<'r> {
    route: &'r Prepared,
    id: Option<String>,
    holes: Vec<(Box<str>, String)>,
    query: String,
    headers: HeaderMap,
    /// The JSON body so far.
    pub body: Value,
    form: String,
    /// The body's constants stand in it.
    has_constants: bool,
}

impl<'r> Draft<'r> {
    /// Puts one value to its place.
    pub fn put(&mut self, to: &Destination, value: Value) -> Result<(), Unplaceable> {
        match to {
            Destination::Body(path) => {
                path.put(&mut self.body, value);
                Ok(())
            }
            Destination::Query(name) => self.query_text(name, &value),
            Destination::Form(name) => {
                append(
                    &mut self.form,
                    name,
                    &text_or_json(&value).ok_or(Unplaceable)?,
                );
                Ok(())
            }
            Destination::Header(name) => {
                let text = text_or_json(&value).ok_or(Unplaceable)?;
                self.headers.insert(name.clone(), header_value(&text)?);
                Ok(())
            }
            Destination::Path(name) => {
                let text = scalar_text(&value).ok_or(Unplaceable)?;
                self.holes.push((name.clone(), text));
                Ok(())
            }
        }
    }

    /// Puts several values to one place.
    pub fn put_list(
        &mut self,
        to: &Destination,
        values: Vec<Value>,
        form: ListForm,
    ) -> Result<(), Unplaceable> {
        match (form, to) {
            (ListForm::Json, Destination::Body(_)) => self.put(to, Value::Array(values)),
            (ListForm::Json, to) => self.put(to, Value::String(Value::Array(values).to_string())),
            (ListForm::Csv, to) => {
                let texts = values
                    .iter()
                    .map(scalar_text)
                    .collect::<Option<Vec<_>>>()
                    .ok_or(Unplaceable)?;
                if texts.iter().any(|text| text.contains(',')) {
                    return Err(Unplaceable);
                }
                self.put(to, Value::String(texts.join(",")))
            }
            (ListForm::Repeat, Destination::Query(name)) => values
                .iter()
                .try_for_each(|value| self.query_text(name, value)),
            (ListForm::Brackets, Destination::Query(name)) => {
                let name = format!("{name}[]");
                values
                    .iter()
                    .try_for_each(|value| self.query_text(&name, value))
            }
            (ListForm::Repeat, Destination::Form(_)) => {
                values.into_iter().try_for_each(|value| self.put(to, value))
            }
            (ListForm::Brackets, Destination::Form(name)) => {
                let to = Destination::Form(format!("{name}[]").into());
                values
                    .into_iter()
                    .try_for_each(|value| self.put(&to, value))
            }
            (ListForm::Repeat | ListForm::Brackets, Destination::Body(_)) => {
                self.put(to, Value::Array(values))
            }
            (ListForm::Repeat | ListForm::Brackets, _) => Err(Unplaceable),
        }
    }

    /// Adds a query parameter.
    pub fn query_text(&mut self, name: &str, value: &Value) -> Result<(), Unplaceable> {
        append(
            &mut self.query,
            name,
            &text_or_json(value).ok_or(Unplaceable)?,
        );
        Ok(())
    }

    /// The query parameters so far, decoded.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect()
    }

    /// Sets a header.
    pub fn header(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// Sets a header that names this write to the CRM; `false` where the name cannot stand in one.
    pub fn named(&mut self, header: &HeaderName, token: &str) -> bool {
        let value = header_value(token).ok();
        let named = value.is_some();
        if let Some(value) = value {
            self.header(header.clone(), value);
        }
        named
    }

    /// The address without the parameters that were put.
    pub fn address(&self, base: &Url) -> Option<Url> {
        self.url(base, "")
    }

    /// The address with these parameters behind those that the route itself names.
    fn url(&self, base: &Url, query: &str) -> Option<Url> {
        let path = self.path(base.path().trim_end_matches('/'))?;
        let (path, own) = path.split_once('?').unwrap_or((&path, ""));
        // Not parsed as a whole: scheme and host of the base are known to be good.
        let mut url = base.clone();
        url.set_path(path);
        match (own, query) {
            ("", "") => {}
            ("", query) | (query, "") => url.set_query(Some(query)),
            (own, query) => url.set_query(Some(&format!("{own}&{query}"))),
        }
        Some(url)
    }

    fn path(&self, base: &str) -> Option<String> {
        let mut address = String::with_capacity(base.len() + 64);
        address.push_str(base);
        for segment in &self.route.path {
            match segment {
                Segment::Text(text) => address.push_str(text),
                Segment::Hole(name) => address.push_str(&self.hole(name)?),
            }
        }
        Some(address)
    }

    /// The request, its address behind `base`, which has neither parameters nor a fragment.
    pub fn finish(mut self, base: &Url) -> Result<Request, Unplaceable> {
        let url = self.url(base, &self.query).ok_or(Unplaceable)?;
        let body = self.encoded_body()?;
        self.headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("application/json"));
        Ok(Request {
            method: self.route.method.clone(),
            url,
            headers: self.headers,
            body,
        })
    }

    /// The request to another address than the route's own: a link that was followed.
    pub fn finish_at(mut self, url: Url) -> Request {
        self.headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("application/json"));
        Request {
            method: self.route.method.clone(),
            url,
            headers: self.headers,
            body: None,
        }
    }

    /// A hole's value as one path segment, which can neither be empty nor lead upwards.
    fn hole(&self, name: &str) -> Option<String> {
        let value = match name {
            "id" => self.id.as_deref(),
            _ => self
                .holes
                .iter()
                .find(|(known, _)| **known == *name)
                .map(|(_, value)| value.as_str()),
        }?;
        as_segment(value)
    }

    /// What the answers of its route mean.
    pub fn words(&self) -> RouteWords<'r> {
        RouteWords {
            errors: &self.route.refusals,
            success: self.route.success.as_deref(),
        }
    }

    /// Puts the body's constants now: what is put later stands beside or behind them. Otherwise they come last.
    pub fn put_constants(&mut self) -> Result<(), Unplaceable> {
        if std::mem::replace(&mut self.has_constants, true) {
            return Ok(());
        }
        let counted = self.route.counts_ids;
        let about = self.id.as_deref().map(|id| About { id, counted });
        for (path, value) in &self.route.put {
            let value = value.about(about);
            if self.route.form {
                let name = form_name(path).ok_or(Unplaceable)?;
                let text = scalar_text(&value).ok_or(Unplaceable)?;
                append(&mut self.form, &name, &text);
            } else {
                path.put(&mut self.body, value);
            }
        }
        Ok(())
    }

    /// What was put to a place of the body so far.
    pub fn put_at(&self, to: &Destination) -> Option<&Value> {
        match to {
            Destination::Body(path) => path.find(&self.body),
            _ => None,
        }
    }

    /// The body in its wire form.
    fn encoded_body(&mut self) -> Result<Option<Bytes>, Unplaceable> {
        self.put_constants()?;
        if self.route.form {
            if let Value::Object(members) = std::mem::take(&mut self.body) {
                flatten(&mut self.form, "", &Value::Object(members))?;
            }
            self.headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
            return Ok(Some(Bytes::from(std::mem::take(&mut self.form))));
        }
        if self.body.is_null() {
            return Ok(None);
        }
        // The file may name a JSON type of its own.
        self.headers
            .entry(CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("application/json"));
        serde_json::to_vec(&self.body)
            .map(|body| Some(Bytes::from(body)))
            .map_err(|_| Unplaceable)
    }
}

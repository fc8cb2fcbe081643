//! One request of a chain, whose address, headers and body are known once the values that it refers to are.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header::CONTENT_TYPE};
use secrecy::SecretString;
use serde::de::IgnoredAny;

use super::{
    capture::{Capture, RUN},
    template::{Captured, Form, Template, Values},
};
use crate::{
    api::{self, HttpHeader, SecretKeyReference},
    checks::{
        http::{
            call::Demand,
            request::{
                RequestTemplate, address, header, header_name, is_secret, judge_body, method,
            },
        },
        invalid::InvalidCheck,
    },
};

const MOST_CAPTURES: usize = 8;
const MOST_HEADERS: usize = 32 + 8;

/// A compiled step.
pub(super) struct Step {
    pub(super) name: String,
    pub(super) cleanup: bool,
    pub(super) demand: Demand,
    base: String,
    method: Method,
    path: Template,
    headers: HeaderMap,
    filled_headers: Vec<(HeaderName, Template)>,
    body: Option<Template>,
    body_form: Option<Form>,
}

impl Step {
    /// Compiles a step of `check`. An error names `field` as the step's place.
    pub(super) fn new(
        check: &api::HttpCheck,
        step: &api::HttpStep,
        field: &str,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<Self, InvalidCheck> {
        let invalid =
            |part: &str, problem: String| InvalidCheck::new(format!("{field}.{part}"), problem);
        let text = |part: &str, text: &str| {
            Template::parse(text).map_err(|problem| invalid(part, problem))
        };
        if !step.path.is_empty() && !step.path.starts_with('/') {
            return Err(invalid("path", "does not begin with /".to_owned()));
        }
        let expect = step.expect.clone().unwrap_or_default();
        let demand = Demand::new(&expect, check.redirects).map_err(|error| {
            let within = error.field.strip_prefix("http.").unwrap_or_default();
            invalid(within, error.problem)
        })?;
        let mut this = Self {
            name: step.name.clone(),
            cleanup: step.cleanup,
            demand,
            base: check.url.clone(),
            method: method(step.method),
            path: text("path", &step.path)?,
            headers: HeaderMap::new(),
            filled_headers: Vec::new(),
            body: None,
            body_form: None,
        };
        this.set_headers(check, step, field, secret)?;
        if let Some(body) = &step.body {
            judge_body(body, step.method).map_err(|problem| invalid("body", problem))?;
            this.set_body(text("body", body)?)
                .map_err(|problem| invalid("body", problem.to_owned()))?;
        }
        if step.capture.len() > MOST_CAPTURES {
            let problem = format!("has more than {MOST_CAPTURES} entries");
            return Err(invalid("capture", problem));
        }
        let captures = step.capture.iter().enumerate();
        let captures = captures
            .map(|(place, capture)| Capture::new(capture, &format!("{field}.capture[{place}]")));
        this.demand.captures = captures.collect::<Result<_, _>>()?;
        this.try_out()
            .map_err(|(part, problem)| invalid(part, problem))?;
        Ok(this)
    }

    /// The headers of the step, and those of the check that it has none of the same name of.
    fn set_headers(
        &mut self,
        check: &api::HttpCheck,
        step: &api::HttpStep,
        field: &str,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<(), InvalidCheck> {
        let named = |headers: &[HttpHeader], own: &HttpHeader| {
            headers
                .iter()
                .any(|it| it.name.eq_ignore_ascii_case(&own.name))
        };
        let of_check = check.headers.iter().enumerate();
        let of_check = of_check.filter(|(_, it)| !named(&step.headers, it));
        let of_check = of_check.map(|(place, it)| (format!("http.headers[{place}]"), it));
        let own = step.headers.iter().enumerate();
        let own = own.map(|(place, it)| (format!("{field}.headers[{place}]"), it));
        for (place, specified) in of_check.chain(own) {
            let set = self
                .set_header(specified, secret)
                .map_err(|problem| InvalidCheck::new(&place, problem))?;
            if !set || self.headers.len() + self.filled_headers.len() > MOST_HEADERS {
                let problem = format!("is used twice, or is one of more than {MOST_HEADERS}");
                return Err(InvalidCheck::new(format!("{place}.name"), problem));
            }
        }
        // What a target gave is no secret of the check's.
        let mut fixed = self.headers.iter();
        self.demand.credentials = fixed.any(|(name, value)| is_secret(name, value));
        Ok(())
    }

    /// Whether the header is the first of its name.
    fn set_header(
        &mut self,
        specified: &HttpHeader,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<bool, String> {
        let value = specified.value.as_deref().map(Template::parse);
        let value = value
            .transpose()
            .map_err(|problem| format!("value: {problem}"))?;
        if let (Some(template), None) = (&value, &specified.value_from)
            && !template.is_literal()
        {
            let name = header_name(&specified.name)?;
            let first = !self.has_header(&name);
            self.filled_headers.push((name, template.clone()));
            return Ok(first);
        }
        let literal = value.map(|literal| literal.render(Form::Header, &Values::new()));
        let unescaped = HttpHeader {
            value: literal,
            ..specified.clone()
        };
        let (name, value) = header(&unescaped, secret)?;
        let first = !self.has_header(&name);
        self.headers.insert(name, value);
        Ok(first)
    }

    fn has_header(&self, name: &HeaderName) -> bool {
        let mut filled = self.filled_headers.iter();
        self.headers.contains_key(name) || filled.any(|(own, _)| own == name)
    }

    fn set_body(&mut self, template: Template) -> Result<(), &'static str> {
        if !template.is_literal() {
            let kind = self.headers.get(CONTENT_TYPE);
            self.body_form = kind.and_then(form_of);
            if self.body_form.is_none() {
                return Err(
                    "has a value in it, and so needs a header Content-Type of application/json, or another of JSON, or \
                     application/x-www-form-urlencoded",
                );
            }
        }
        self.body = Some(template);
        Ok(())
    }

    /// Makes the request once with made-up values, so that what cannot be sent whatever they are is known beforehand.
    fn try_out(&self) -> Result<(), (&'static str, String)> {
        let names = self.references().into_iter();
        let values = names.map(|name| (name.to_owned(), Captured::string("x")));
        let values = values.collect();
        self.request(&values)?;
        let body = self.body(&values);
        let broken = self.body_form == Some(Form::Json)
            && serde_json::from_slice::<IgnoredAny>(&body).is_err();
        if broken {
            return Err(("body", "is not JSON once its values are set".to_owned()));
        }
        Ok(())
    }

    /// The values that it refers to.
    pub(super) fn references(&self) -> Vec<&str> {
        let headers = self
            .filled_headers
            .iter()
            .flat_map(|(_, it)| it.references());
        let body = self.body.iter().flat_map(Template::references);
        let all = self.path.references().chain(headers).chain(body);
        all.collect()
    }

    /// Whether it refers to a value that was captured.
    pub(super) fn needs_captured(&self) -> bool {
        self.references().into_iter().any(|name| name != RUN)
    }

    /// A value that it refers to, and that is not there.
    pub(super) fn lacks(&self, values: &Values) -> Option<&str> {
        let mut references = self.references().into_iter();
        references.find(|name| !values.contains_key(*name))
    }

    /// Whether it may change something.
    pub(super) fn may_change(&self) -> bool {
        !self.method.is_safe()
    }

    /// The request with `values`; an error says what cannot be made with them, and why.
    pub(super) fn request(
        &self,
        values: &Values,
    ) -> Result<RequestTemplate, (&'static str, String)> {
        let path = self.path.render(Form::Address, values);
        if leads_elsewhere(&path) {
            let problem = "has a segment . or .., which leads to another path";
            return Err(("path", problem.to_owned()));
        }
        let whole = if path.is_empty() {
            self.base.clone()
        } else {
            format!("{}{path}", self.base.trim_end_matches('/'))
        };
        let url = address(&whole, "").map_err(|error| ("path", error.problem))?;
        let mut headers = self.headers.clone();
        for (name, template) in &self.filled_headers {
            let text = template.render(Form::Header, values);
            let mut value = HeaderValue::from_str(&text)
                .map_err(|_| ("headers", "hold characters that no header can".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        RequestTemplate::made(url, self.method.clone(), headers, self.body(values))
            .map_err(|error| ("path", error.to_string()))
    }

    fn body(&self, values: &Values) -> Bytes {
        let form = self.body_form.unwrap_or(Form::Header);
        let body = self.body.as_ref().map(|body| body.render(form, values));
        body.unwrap_or_default().into()
    }
}

/// How values are escaped in a body of this type.
fn form_of(content_type: &HeaderValue) -> Option<Form> {
    let text = content_type.to_str().ok()?;
    let media = text.split(';').next()?.trim().to_ascii_lowercase();
    match media.as_str() {
        "application/json" => Some(Form::Json),
        "application/x-www-form-urlencoded" => Some(Form::Urlencoded),
        other => other.ends_with("+json").then_some(Form::Json),
    }
}

/// Whether a parser would take segments away for one that is a dot or two, encoded or not.
fn leads_elsewhere(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let mut segments = path.split('/').map(str::to_ascii_lowercase);
    segments.any(|it| [".", ".."].contains(&it.replace("%2e", ".").as_str()))
}

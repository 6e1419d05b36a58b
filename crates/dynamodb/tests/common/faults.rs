//! An HTTP client that counts the requests of the SDK and fails those that a plan names.
//!
//! It stands below the SDK's retries: each attempt is a request of its own here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents};
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Value, json};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is refused: nothing is done.
    Refused,
    /// Nothing arrives and nothing comes back in time.
    TimedOut,
    /// The request is carried out; its answer does not come in time.
    AnswerLost,
    /// The request is carried out; the connection breaks before the answer is there.
    ConnectionLost,
    /// DynamoDB answers with this error and does nothing, for instance `ThrottlingException`,
    /// `ProvisionedThroughputExceededException`, `RequestLimitExceeded`, `InternalServerError`,
    /// `TransactionConflictException`, `TransactionInProgressException`, `ExpiredIteratorException`,
    /// `TrimmedDataAccessException`, `ResourceNotFoundException`.
    Error(&'static str),
    /// DynamoDB answers with this error, and has carried the request out all the same.
    ErrorAfter(&'static str),
    /// Something on the way answers with this status and a page for people: nothing is done.
    Page(u16),
    /// A transaction is cancelled, and does nothing, for this reason of its first item: `TransactionConflict`,
    /// `ProvisionedThroughputExceeded`, `ThrottlingError`.
    Cancelled(&'static str),
    /// A batch is carried out in part: the first half of each table's items, at least one; the rest comes back
    /// as unprocessed. Other requests than batches pass.
    Partial,
}

/// A request, as the plan sees it. Both numbers count from 1, since the plan was made.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Of all requests.
    pub number: usize,
    /// For instance `PutItem`.
    pub operation: &'a str,
    /// Of those of its operation.
    pub nth: usize,
}

type Plan = dyn FnMut(Request<'_>) -> Option<Fault> + Send;

/// The client. Its clones are one and the same.
#[derive(Clone)]
pub struct Faults {
    state: Arc<Mutex<State>>,
    inner: SharedHttpConnector,
}

struct State {
    plan: Box<Plan>,
    /// Requests since the plan was made, by operation.
    requests: BTreeMap<String, usize>,
    /// Faults since the plan was made.
    hits: usize,
}

impl Default for Faults {
    fn default() -> Self {
        let state = State { plan: Box::new(|_| None), requests: BTreeMap::new(), hits: 0 };
        let inner = SharedHttpConnector::new(Connector::builder().build_http());
        Self { state: Arc::new(Mutex::new(state)), inner }
    }
}

impl Faults {
    /// The same, on connections of its own: those of a runtime that has ended are of no use on the next.
    pub fn on_new_connections(&self) -> Self {
        let inner = SharedHttpConnector::new(Connector::builder().build_http());
        Self { state: Arc::clone(&self.state), inner }
    }

    /// Makes a plan, and counts from here.
    pub fn plan(&self, plan: impl FnMut(Request<'_>) -> Option<Fault> + Send + 'static) {
        *self.state.lock().unwrap() =
            State { plan: Box::new(plan), requests: BTreeMap::new(), hits: 0 };
    }

    /// The plan that nothing fails; counts from here.
    pub fn none(&self) {
        self.plan(|_| None);
    }

    /// The plan that one request fails, the n-th from here.
    pub fn at(&self, number: usize, fault: Fault) {
        self.plan(move |request| (request.number == number).then_some(fault));
    }

    /// The plan that one request of an operation fails, the n-th from here.
    pub fn at_nth(&self, operation: &'static str, nth: usize, fault: Fault) {
        self.plan(move |it| (it.operation == operation && it.nth == nth).then_some(fault));
    }

    /// The plan that each request of an operation fails.
    pub fn each(&self, operation: &'static str, fault: Fault) {
        self.plan(move |request| (request.operation == operation).then_some(fault));
    }

    /// Requests since the plan was made, by operation.
    pub fn requests(&self) -> BTreeMap<String, usize> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Faults since the plan was made. A test that goes through all requests has come to the end when it is 0.
    pub fn hits(&self) -> usize {
        self.state.lock().unwrap().hits
    }

    /// Counts the request; what the plan says of it.
    fn next(&self, operation: &str) -> Option<Fault> {
        let state = &mut *self.state.lock().unwrap();
        *state.requests.entry(operation.to_owned()).or_default() += 1;
        let (number, nth) = (state.requests.values().sum(), state.requests[operation]);
        let fault = (state.plan)(Request { number, operation, nth });
        state.hits += usize::from(fault.is_some());
        fault
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("requests", &self.requests()).finish_non_exhaustive()
    }
}

impl HttpClient for Faults {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Faults {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // DynamoDB_20120810.PutItem
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let fault = self.next(&operation);
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            match fault {
                None => inner.call(request).await,
                Some(Fault::Refused) => Err(ConnectorError::io("connection refused".into())),
                Some(Fault::TimedOut) => Err(ConnectorError::timeout("timed out".into())),
                Some(Fault::AnswerLost) => {
                    inner.call(request).await?;
                    Err(ConnectorError::timeout("timed out".into()))
                }
                Some(Fault::ConnectionLost) => {
                    inner.call(request).await?;
                    Err(ConnectorError::io("connection reset by peer".into()))
                }
                Some(Fault::Error(name)) => Ok(refusal(name, json!({}))),
                Some(Fault::Page(status)) => Ok(HttpResponse::new(
                    status.try_into().unwrap(),
                    SdkBody::from("<html>not now</html>"),
                )),
                Some(Fault::ErrorAfter(name)) => {
                    inner.call(request).await?;
                    Ok(refusal(name, json!({})))
                }
                Some(Fault::Cancelled(reason)) => Ok(cancelled(reason, &request)),
                Some(Fault::Partial) => partial(&inner, request).await,
            }
        })
    }
}

/// The answer that says no.
fn refusal(name: &str, mut body: Value) -> HttpResponse {
    body["__type"] = format!("com.amazonaws.dynamodb.v20120810#{name}").into();
    body["message"] = "injected".into();
    let status: u16 = if name == "InternalServerError" { 500 } else { 400 };
    let mut response =
        HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

fn cancelled(reason: &str, request: &HttpRequest) -> HttpResponse {
    let items = body(request)["TransactItems"].as_array().unwrap().len();
    let mut reasons = vec![json!({"Code": "None"}); items];
    reasons[0] = json!({"Code": reason, "Message": "injected"});
    refusal("TransactionCanceledException", json!({"CancellationReasons": reasons}))
}

/// Sends half of a batch, and adds the rest to the answer.
async fn partial(
    inner: &SharedHttpConnector,
    mut request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let mut asked = body(&request);
    let Some(tables) = asked["RequestItems"].as_object_mut() else {
        return inner.call(request).await;
    };
    let mut rest = tables.clone();
    for (table, items) in tables {
        let (items, left) = (list(items), list(&mut rest[table]));
        let kept = items.len().div_ceil(2);
        items.truncate(kept);
        left.drain(..kept);
    }
    rest.retain(|_, items| !list(items).is_empty());
    let unprocessed =
        if request.headers().get("x-amz-target").unwrap_or_default().ends_with("GetItem") {
            "UnprocessedKeys"
        } else {
            "UnprocessedItems"
        };

    let text = asked.to_string();
    request.headers_mut().insert("content-length", text.len().to_string());
    *request.body_mut() = SdkBody::from(text);
    let mut response = inner.call(request).await?;
    let answer = ByteStream::new(response.take_body()).collect().await.unwrap().to_vec();
    let mut answer: Value = serde_json::from_slice(&answer).unwrap();
    if response.status().is_success() {
        answer[unprocessed] = rest.into();
    }
    response.headers_mut().remove("content-length");
    response.headers_mut().remove("x-amz-crc32");
    *response.body_mut() = SdkBody::from(answer.to_string());
    Ok(response)
}

/// What a batch asks of one table: a list of writes, or an object with a list of keys.
fn list(items: &mut Value) -> &mut Vec<Value> {
    let items = if items.is_array() { items } else { &mut items["Keys"] };
    items.as_array_mut().unwrap()
}

fn body(request: &HttpRequest) -> Value {
    serde_json::from_slice(request.body().bytes().unwrap()).unwrap()
}

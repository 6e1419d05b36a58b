//! Each fault at each request of a call, once passing and once lasting.
//!
//! ```text
//!   without faults: the answer, and what is there afterwards
//!   for each fault, for n = 1, 2, … until there is no n-th request that it can befall
//!       passing    the n-th request: the same answer, the same is there
//!       lasting    from the n-th on: `Unavailable` after a bounded number of requests; if it has happened all the
//!                  same, the error says that it may have
//!                  └─ the fault ends, the same call again: the same is there
//!   at last: streams, log and watermarks agree
//! ```

use std::time::Duration;

use tokio::time::timeout;

use crate::common::{Fault, Faults, Request};
use crate::trial::{Before, Call, Place, Scope, Trial};

/// Most requests of a call that ends with `Unavailable`: two writes at once that give way a hundred times each, and some.
const REQUESTS_MAX: usize = 250;

/// How long a call may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A fault, the operations of DynamoDB that it befalls (none: all), and whether it can last.
pub(crate) type Case = (Fault, &'static [&'static str], bool);

pub(crate) const CASES: [Case; 18] = [
    (Fault::Refused, &[], false),
    (Fault::TimedOut, &[], true),
    (Fault::AnswerLost, &[], true),
    (Fault::ConnectionLost, &[], false),
    (Fault::Page(503), &[], true),
    (Fault::Error("InternalServerError"), &[], false),
    (Fault::ErrorAfter("InternalServerError"), &[], true),
    (Fault::Error("ThrottlingException"), &[], true),
    (Fault::Error("ProvisionedThroughputExceededException"), &[], false),
    (Fault::Error("RequestLimitExceeded"), &[], false),
    (Fault::Error("TransactionConflictException"), &["PutItem", "DeleteItem"], true),
    (Fault::Error("TransactionInProgressException"), &["TransactWriteItems"], true),
    (Fault::Cancelled("TransactionConflict"), &["TransactWriteItems"], true),
    (Fault::Cancelled("ProvisionedThroughputExceeded"), &["TransactWriteItems"], false),
    (Fault::Cancelled("ThrottlingError"), &["TransactWriteItems"], false),
    (Fault::Partial, &["BatchGetItem", "BatchWriteItem"], true),
    (Fault::Error("ExpiredIteratorException"), &["GetRecords"], true),
    (Fault::Error("TrimmedDataAccessException"), &["GetRecords", "GetShardIterator"], false),
];

/// The call survives all faults.
pub(crate) async fn survives(place: Place, scope: Scope, before: Before, call: Call) {
    let calm = place.trial(0).await;
    before(&calm).await;
    let right = (call(&calm).await.unwrap(), calm.left().await);
    let mut trials = 0;
    for (fault, befalls, can_last) in CASES {
        for lasting in [false, true].into_iter().filter(|lasting| !lasting || can_last) {
            for n in 1.. {
                trials += 1;
                let trial = place.trial(if scope == Scope::Each { trials } else { 0 }).await;
                if scope == Scope::Each {
                    before(&trial).await;
                }
                let case = format!("{fault:?} at request {n}, lasting: {lasting}");
                if !befallen(&trial, call, &right, (fault, befalls, lasting), n, &case).await {
                    assert!(n > 1 || !befalls.is_empty(), "{case}: there was no request");
                    break;
                }
            }
        }
    }
    place.agrees().await;
}

/// One call whose n-th request, or all from the n-th on, meets the fault. Answers whether there was one.
async fn befallen(
    trial: &Trial,
    call: Call,
    right: &(String, String),
    (fault, befalls, lasting): Case,
    n: usize,
    case: &str,
) -> bool {
    let (there, faults) = (trial.left().await, trial.faults());
    let can =
        move |request: Request<'_>| befalls.is_empty() || befalls.contains(&request.operation);
    befall(faults, fault, can, lasting, n);
    let answer = timeout(PATIENCE, call(trial)).await;
    let answer = answer.unwrap_or_else(|_| panic!("{case}: it hangs, {:?}", faults.requests()));
    let (hits, requests) = (faults.hits(), faults.requests());
    faults.none();
    let left = trial.left().await;
    // A lasting fault need not be in the way: what stands already is found by reading.
    if !lasting || hits == 0 || answer.is_ok() {
        let answer = answer.unwrap_or_else(|error| panic!("{case}: {error}, {requests:?}"));
        assert_eq!((&answer, &left), (&right.0, &right.1), "{case}, {requests:?}");
        return hits > 0;
    }
    let error = answer.expect_err(case);
    assert!(error.is_retryable(), "{case}: {error}");
    assert!(requests.values().sum::<usize>() <= REQUESTS_MAX, "{case}: {requests:?}");
    assert!(left == there || error.may_have_happened(), "{case}: {error}");
    let again = call(trial).await.unwrap_or_else(|error| panic!("{case}, again: {error}"));
    assert!(again == right.0 || again == "it stands", "{case}, again: {again}");
    assert_eq!(trial.left().await, right.1, "{case}, again");
    true
}

/// Plans that the n-th request from here that it can befall meets the fault; if it lasts, all that follow, too.
pub(crate) fn befall(
    faults: &Faults,
    fault: Fault,
    mut can: impl FnMut(Request<'_>) -> bool + Send + 'static,
    lasting: bool,
    n: usize,
) {
    let mut seen = 0;
    faults.plan(move |request| {
        let can = can(request);
        seen += usize::from(can);
        (can && (seen == n || lasting && seen > n)).then_some(fault)
    });
}

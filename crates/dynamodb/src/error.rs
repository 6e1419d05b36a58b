//! From an error of the AWS SDK to [`factlog::Error`]: its kind by what the caller does next.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use factlog::{Error, ErrorKind};

/// The service's codes for "not now", besides those with a status of 5xx: from "Error handling with DynamoDB" in the Developer Guide.
const NOT_NOW: [&str; 8] = [
    "InternalFailure",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ResourceInUseException",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// The service's codes for a table, stream or shard that is not there.
const NOT_THERE: [&str; 2] = ["ResourceNotFoundException", "TableNotFoundException"];

/// The service's codes for a request that is wrong for as long as nobody changes it or the credentials.
const WRONG: [&str; 8] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationException",
];

/// The error of a request that failed. `doing` says what was being done, and to what.
pub(crate) fn failed<E>(doing: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let (kind, why) = match &error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("an error without a code");
            let message = service.err().message().unwrap_or_default();
            let kind = match service.raw().status().is_server_error() {
                true => ErrorKind::Unavailable,
                false => kind_of(code, message),
            };
            (kind, format!("{code} {message}").trim_end().to_owned())
        }
        SdkError::TimeoutError(_) => (ErrorKind::Unavailable, "no answer in time".to_owned()),
        SdkError::DispatchFailure(failure) if failure.is_user() => {
            (ErrorKind::Invalid, format!("the request can't be sent: {}", last_source(&error)))
        }
        SdkError::DispatchFailure(_) => {
            (ErrorKind::Unavailable, format!("no connection: {}", last_source(&error)))
        }
        SdkError::ResponseError(_) => {
            (ErrorKind::Unavailable, "an answer that makes no sense".to_owned())
        }
        _ => (ErrorKind::Invalid, format!("the request can't be made: {}", last_source(&error))),
    };
    Error::new(kind, format!("{doing} failed: {why}")).with_source(error)
}

/// Whether the request that failed so may have taken effect all the same. The SDK sends a request several
/// times, so that the answer to the last one does not tell what became of the others.
pub(crate) fn may_have_happened(error: &Error) -> bool {
    *error.kind() == ErrorKind::Unavailable
}

fn kind_of(code: &str, message: &str) -> ErrorKind {
    if NOT_NOW.contains(&code) {
        ErrorKind::Unavailable
    } else if NOT_THERE.contains(&code) {
        ErrorKind::NotFound
    } else if WRONG.contains(&code) || message.contains("validation") {
        ErrorKind::Invalid
    } else {
        ErrorKind::Internal
    }
}

/// The innermost cause, which is the one that says something.
fn last_source(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

//! The rules of a loan application, over the events that another system has written.

use factlog::codec::{Json, Unknown};
use factlog::decider::Decider;
use serde::{Deserialize, Serialize};

/// The rules.
#[derive(Clone, Copy)]
pub(crate) struct Loan;

/// The events that the rules know; others are passed over.
#[derive(Serialize, Deserialize)]
pub(crate) enum LoanEvent {
    #[serde(rename = "A_SUBMITTED")]
    Submitted {
        #[serde(rename = "AMOUNT_REQ")]
        amount: String,
    },
    #[serde(rename = "A_APPROVED")]
    Approved {},
    #[serde(rename = "A_DECLINED")]
    Declined {},
    #[serde(rename = "A_CANCELLED")]
    Cancelled {},
}

pub(crate) enum LoanCommand {
    Decline,
}

/// Where an application stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Application {
    pub(crate) amount: String,
    /// What was decided first.
    pub(crate) decision: Option<&'static str>,
}

impl Decider for Loan {
    type State = Application;
    type Command = LoanCommand;
    type Event = LoanEvent;
    type Error = String;

    fn initial(&self) -> Application {
        Application::default()
    }

    fn evolve(&self, mut loan: Application, event: &LoanEvent) -> Application {
        let decision = match event {
            LoanEvent::Submitted { amount } => {
                loan.amount.clone_from(amount);
                return loan;
            }
            LoanEvent::Approved {} => "approved",
            LoanEvent::Declined {} => "declined",
            LoanEvent::Cancelled {} => "cancelled",
        };
        loan.decision.get_or_insert(decision);
        loan
    }

    fn decide(&self, loan: &Application, command: &LoanCommand) -> Result<Vec<LoanEvent>, String> {
        match (command, loan.decision) {
            (LoanCommand::Decline, Some(decision)) => Err(format!("it is {decision}")),
            (LoanCommand::Decline, None) => Ok(vec![LoanEvent::Declined {}]),
        }
    }
}

pub(crate) fn codec() -> Json<LoanEvent> {
    Json::new().with_unknown(Unknown::PassOver)
}

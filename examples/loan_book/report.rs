//! The report: questions to the views, and one to a loan.

use std::error::Error;
use std::sync::Arc;

use factlog::Store;
use factlog::decider::{CommandId, ExecuteError, Executor, Options};
use factlog::projection::Projections;
use factlog::view::{Condition, Query, View};
use serde_json::Value;

use crate::loan::{Loan, LoanCommand, codec};
use crate::views::{LOANS, WORK};

pub(crate) async fn print(
    projections: &Projections,
    store: Arc<dyn Store>,
) -> Result<(), Box<dyn Error>> {
    let loans = projections.view(&LOANS.parse()?).await?;
    println!("\n{} loans. Open, by stage:", loans.len().await?);
    print_groups(&loans, "stage").await?;
    println!("\nDecided:");
    print_groups(&loans, "decision").await?;
    let days = days(projections).await?;
    if let (Some(half), Some(most)) = (quantile(&days, 50), quantile(&days, 90)) {
        println!(
            "Days until then: {half} or less for half of them, {most} or less for nine in ten."
        );
    }

    let work = projections.view(&WORK.parse()?).await?;
    println!("\n{} resources. The busiest, by events:", work.len().await?);
    let busiest = Query::new().order_by("events").backward().limit(10);
    for resource in work.query(&busiest).await?.documents {
        let events = resource.data["events"].as_u64().unwrap_or_default();
        println!("{events:>8} {}", resource.key);
    }
    ask_again(&loans, store).await
}

async fn print_groups(view: &View, field: &str) -> Result<(), Box<dyn Error>> {
    for (value, count) in view.groups(field).await? {
        println!("{count:>8} {}", value.as_str().unwrap_or_default());
    }
    Ok(())
}

/// How many decisions took so many whole days, by days.
pub(crate) async fn days(projections: &Projections) -> Result<Vec<(u64, u64)>, Box<dyn Error>> {
    let loans = projections.view(&LOANS.parse()?).await?;
    let groups = loans.groups("days").await?.into_iter();
    Ok(groups.filter_map(|(days, count)| Some((Value::as_u64(&days)?, count))).collect())
}

/// The whole days after which so many percent of the decisions were made.
fn quantile(days: &[(u64, u64)], percent: u64) -> Option<u64> {
    let all: u64 = days.iter().map(|(_, count)| count).sum();
    let mut so_far = 0;
    let mut is_enough = |count: u64| {
        so_far += count;
        so_far * 100 >= all * percent
    };
    days.iter().find_map(|(day, count)| is_enough(*count).then_some(*day))
}

/// Whoever was promised a loan can't be declined any more: the rules say so, whatever a view says.
async fn ask_again(loans: &View, store: Arc<dyn Store>) -> Result<(), Box<dyn Error>> {
    let approved = Query::new().with(Condition::equal("decision", "APPROVED")).limit(1);
    let found = loans.query(&approved).await?.documents;
    let Some(loan) = found.first() else { return Ok(()) };
    let applications = Executor::new(store, Loan, codec(), Options::default());
    let stream = loan.key.parse()?;
    let state = applications.state(&stream).await?;
    println!("\n{} asked for {}.", loan.key, state.state.amount);
    match applications.execute(&stream, CommandId::from_u128(1), &LoanCommand::Decline).await {
        Err(ExecuteError::Rejected(why)) => println!("To decline it is rejected: {why}."),
        other => return Err(format!("a rejection was expected, not {other:?}").into()),
    }
    Ok(())
}

//! The cases, by subject. The name of a case is the promise that it proves.

#![expect(missing_docs, reason = "the name of a case says what it proves")]
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

mod execute;
mod history;
mod repeat;
mod snapshot;
mod transaction;

/// Hands the names of the cases to a macro. There is no other list: a case that is missing here
/// is dead code.
#[doc(hidden)]
#[macro_export]
macro_rules! decider_cases {
    ([$($then:tt)+] [$($with:tt)*]) => {
        $($then)+ { [$($with)*]
            execute:
                a_command_is_decided_on_what_all_executors_appended
                a_rejected_command_appends_nothing
                a_rejection_is_decided_on_what_the_store_has
                a_command_that_changes_nothing_is_decided_on_what_the_store_has
                after_a_conflict_only_what_is_new_is_loaded
                a_command_is_given_up_after_as_many_conflicts_as_are_allowed
                an_append_is_sent_again_until_its_outcome_is_known
                an_outcome_that_stays_unknown_says_so
                events_carry_the_metadata_and_time_of_their_command
                commands_on_one_stream_at_once_are_all_executed;
            repeat:
                a_command_that_comes_again_is_answered_as_it_was_the_first_time
                a_command_sent_by_many_at_once_is_executed_once
                processes_that_decide_differently_execute_a_command_once
                a_command_is_known_as_long_as_it_is_among_the_last_that_are_kept
                a_command_that_was_rejected_is_decided_anew;
            transaction:
                a_transfer_happens_whole_or_not_at_all
                a_stream_that_is_only_read_is_checked
                each_stream_has_its_own_decider
                what_is_decided_first_is_seen_by_what_comes_after
                a_rejection_over_several_streams_holds_of_one_moment
                a_repeat_is_answered_for_all_streams_although_one_has_forgotten_it
                a_transaction_that_makes_no_sense_is_invalid;
            snapshot:
                loading_with_a_snapshot_takes_two_requests_and_only_newer_events
                deleting_all_snapshots_changes_nothing
                a_damaged_snapshot_is_not_used
                a_snapshot_of_another_schema_stream_or_history_is_not_used
                a_snapshot_of_another_history_is_replaced
                an_older_program_leaves_the_snapshot_of_a_newer_one
                a_state_that_is_too_large_is_not_kept
                snapshots_are_due_after_so_many_events
                snapshots_are_due_after_a_long_load
                commands_are_executed_although_snapshots_fail
                snapshots_that_come_while_too_many_wait_are_not_written;
            history:
                a_stream_has_its_state_at_a_version
                a_stream_has_its_state_at_a_time
                it_is_known_when_something_was_so
                the_past_begins_at_a_snapshot_that_is_before_it
                the_last_time_is_looked_for_after_a_snapshot_first;
        }
    };
}

macro_rules! export {
    ([] $($subject:ident: $($case:ident)+;)+) => { $(pub use $subject::{$($case),+};)+ };
}

decider_cases!([export!] []);

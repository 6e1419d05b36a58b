//! The cases, by subject. The name of a case is the promise that it proves.

#![expect(missing_docs, reason = "the name of a case says what it proves")]
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

mod concurrent;
mod kept;
mod read;
mod write;

/// Hands the names of the cases to a macro. There is no other list: a case that is missing here
/// is dead code.
#[doc(hidden)]
#[macro_export]
macro_rules! state_cases {
    (every [$($then:tt)+] [$($with:tt)*]) => {
        $($then)+ { [$($with)*]
            write:
                what_is_put_is_there_at_once_and_what_is_deleted_is_not
                a_write_is_done_only_if_its_condition_holds
                one_condition_that_does_not_hold_keeps_all_items_as_they_are
                a_check_must_hold_of_a_key_that_is_not_written
                all_items_of_a_write_have_the_revision_of_its_answer
                no_revision_comes_again
                a_write_that_is_repeated_is_done_once_and_finds_what_it_wrote
                a_write_that_makes_no_sense_is_invalid
                what_is_just_within_the_limits_is_written
                what_is_just_over_a_limit_is_too_large
                each_of_any_number_is_written
                what_is_written_each_for_itself_has_no_condition;
            read:
                many_keys_are_answered_in_the_order_given
                keys_of_all_bytes_and_lengths_are_told_apart
                a_scan_is_of_one_partition_in_the_order_of_bytes
                a_range_of_sort_keys_has_the_ends_that_were_asked_for
                a_prefix_is_a_range
                a_limit_takes_what_comes_first_in_the_direction
                a_scan_goes_on_past_where_it_ended
                a_scan_of_more_than_a_page_is_whole
                a_scan_sees_once_what_is_not_written_meanwhile
                a_scan_with_an_end_that_no_key_can_have_is_invalid;
            concurrent:
                counters_that_are_written_on_condition_lose_nothing
                of_writers_that_create_one_key_one_wins
                transfers_between_keys_keep_the_sum;
            kept:
                every_call_after_closing_the_store_is_answered_with_closed;
        }
    };
    (durable [$($then:tt)+] [$($with:tt)*]) => {
        $($then)+ { [$($with)*]
            kept:
                what_was_written_is_there_after_reopening
                no_revision_comes_again_after_reopening;
        }
    };
}

macro_rules! export {
    ([] $($subject:ident: $($case:ident)+;)+) => { $(pub use $subject::{$($case),+};)+ };
}

state_cases!(every [export!] []);
state_cases!(durable [export!] []);

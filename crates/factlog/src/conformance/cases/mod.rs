//! The cases, by subject. The name of a case is the promise that it proves.

#![expect(missing_docs, reason = "the name of a case says what it proves")]
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

mod append;
mod cancel;
mod close;
mod concurrent;
mod list;
mod read_log;
mod read_stream;
mod reopen;
mod repeat;
mod subscribe;

/// Hands the names of the cases to a macro. There is no other list: a case that is missing here
/// is dead code.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    (every [$($then:tt)+] [$($with:tt)*]) => {
        $($then)+ { [$($with)*]
            append:
                versions_and_positions_count_from_1_without_gaps
                an_append_happens_only_if_what_it_expects_holds
                a_check_must_hold_of_a_stream_that_is_not_written
                an_append_writes_several_streams_in_the_order_given
                one_conflict_keeps_all_streams_as_they_are
                an_append_that_makes_no_sense_is_invalid
                what_is_just_within_the_limits_is_written
                what_is_just_over_a_limit_is_too_large
                data_and_metadata_come_back_byte_for_byte
                an_event_keeps_its_time_and_offset_or_takes_the_recorded_time
                the_recorded_time_never_decreases_although_the_clock_does
                every_valid_name_is_a_stream_of_its_own;
            repeat:
                a_repeated_append_is_answered_as_it_was_the_first_time
                with_a_known_version_a_repeat_is_recognised_for_ever
                without_a_version_a_repeat_is_written_anew_after_another_commit
                part_of_the_last_commit_is_no_repeat_of_it
                a_repeat_over_several_streams_is_answered_as_it_was_the_first_time
                a_repeat_over_several_streams_is_written_anew_if_one_has_moved
                a_repeat_is_recognised_although_its_checks_no_longer_hold
                a_repeat_is_known_by_its_ids_and_what_stands_stays
                events_that_stand_otherwise_are_a_conflict
                an_append_of_which_one_stream_stands_is_a_conflict;
            read_stream:
                a_range_has_both_ends_and_the_direction_says_which_comes_first
                a_stream_without_events_reads_as_empty
                the_head_of_a_stream_is_the_version_of_its_last_event
                a_stream_reads_the_same_as_its_part_of_the_log
                times_bound_a_read_of_a_stream
                a_read_of_a_stream_sees_what_was_there_when_it_began;
            read_log:
                a_range_of_the_log_has_both_ends
                an_empty_log_reads_as_empty
                the_head_is_the_position_of_the_last_event
                a_filter_lets_pass_what_meets_a_condition_of_every_kind
                filter_range_direction_and_limit_work_together
                a_filter_has_a_limit_of_terms
                a_malformed_pattern_is_invalid
                a_read_of_the_log_sees_what_was_there_when_it_began
                every_read_of_the_log_is_the_same_for_ever
                a_type_may_be_as_long_as_its_limit
                waiting_past_a_position_ends_when_the_head_is_beyond;
            list:
                streams_are_listed_in_the_order_of_their_creation
                a_category_is_listed_alone
                a_list_is_bounded_by_the_time_of_creation
                pages_hold_at_most_their_limit_and_tell_whether_more_follows
                paging_misses_no_stream_and_repeats_none_while_new_ones_appear
                a_page_out_of_bounds_is_invalid
                a_token_that_no_store_made_is_invalid;
            subscribe:
                the_log_is_caught_up_with_and_then_followed
                a_subscription_begins_after_its_checkpoint
                a_subscription_from_the_head_says_first_that_it_has_caught_up
                a_subscription_that_starts_beyond_the_head_is_invalid
                a_subscription_with_too_large_a_filter_is_refused_at_once
                a_filtered_subscription_says_how_far_it_is
                a_stream_is_caught_up_with_and_then_followed
                a_stream_can_be_followed_before_it_exists
                all_subscribers_see_the_same_however_slow_they_are
                a_subscriber_sees_an_append_over_several_streams_in_its_order;
            cancel:
                an_append_that_was_never_polled_does_nothing
                an_append_that_is_dropped_halfway_happens_whole_or_not_at_all
                many_dropped_appends_leave_no_gap
                reads_and_waits_may_be_dropped_at_any_time
                a_subscription_that_is_dropped_can_be_taken_up_again;
            concurrent:
                writers_of_one_stream_lose_no_version_and_write_none_twice
                of_writers_at_one_version_one_wins
                one_append_sent_by_many_is_written_once
                appends_over_several_streams_are_never_seen_by_halves
                readers_see_a_log_without_gaps_that_only_grows
                a_reader_sees_at_once_what_was_answered;
            close:
                every_call_after_closing_is_answered_with_closed
                closing_twice_is_harmless
                closing_ends_what_waits_with_closed
                an_append_that_closing_overtakes_says_whether_it_happened;
        }
    };
    (durable [$($then:tt)+] [$($with:tt)*]) => {
        $($then)+ { [$($with)*]
            reopen:
                what_was_appended_is_there_after_reopening
                versions_and_positions_continue_after_reopening
                repeats_are_recognised_after_reopening
                the_recorded_time_never_decreases_over_reopening
                page_tokens_stay_good_over_reopening
                a_subscription_is_taken_up_after_reopening
                a_store_that_was_closed_by_hand_opens_again;
        }
    };
}

macro_rules! export {
    ([] $($subject:ident: $($case:ident)+;)+) => { $(pub use $subject::{$($case),+};)+ };
}

conformance_cases!(every [export!] []);
conformance_cases!(durable [export!] []);

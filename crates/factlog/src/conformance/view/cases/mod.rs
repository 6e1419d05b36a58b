//! The cases, by subject. The name of a case is the promise that it proves.

#![expect(missing_docs, reason = "the name of a case says what it proves")]
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

mod documents;
mod effects;
mod faults;
mod generations;
mod indexes;
mod lanes;
mod poison;
mod queries;
mod states;

/// Hands the names of the cases to a macro. There is no other list: a case that is missing here
/// is dead code.
#[doc(hidden)]
#[macro_export]
macro_rules! view_cases {
    ([$($then:tt)+] [$($with:tt)*]) => {
        $($then)+ { [$($with)*]
            documents:
                documents_are_a_fold_over_the_log
                a_document_knows_the_versions_that_it_was_built_from
                one_event_changes_many_documents_and_sees_its_own_changes
                events_that_do_not_pass_the_filter_move_the_position_only;
            indexes:
                a_unique_value_has_one_document
                a_unique_value_is_handed_on_by_one_event_and_by_two
                a_value_of_another_kind_is_poison;
            queries:
                a_query_answers_what_a_filter_over_all_documents_does
                pages_under_change_have_once_what_stays
                long_values_are_found_exactly
                a_query_that_no_index_leads_says_which_is_missing
                counts_and_groups_are_exact
                queries_work_with_the_log_taken_away;
            faults:
                whatever_is_killed_when_documents_are_the_fold
                workers_at_once_make_the_same_documents
                a_worker_back_from_the_dead_changes_nothing;
            poison:
                a_poison_event_stops_the_projection_until_it_is_started
                a_poison_event_is_parked_and_can_be_retried
                a_poison_event_is_skipped_and_can_be_retried
                a_rebuild_meets_a_skipped_event_again
                what_is_paused_stays_so_when_an_event_is_skipped
                an_event_is_skipped_in_the_lane_that_it_goes
                an_event_is_skipped_whole_or_not_at_all
                what_was_started_again_meanwhile_is_skipped_or_applied
                what_does_not_fit_into_one_write_is_poison_that_says_so
                a_panic_is_poison;
            states:
                a_paused_projection_stands_still_and_goes_on
                a_reset_projection_is_built_again_from_the_start
                a_retired_projection_is_swept_and_can_begin_anew
                the_list_says_state_position_and_lag
                a_running_worker_follows_the_log_until_it_is_retired
                a_trigger_by_hand_and_one_by_the_clock_catch_up
                a_view_is_waited_for_by_position_and_by_version;
            generations:
                a_rebuild_equals_what_was_built_event_by_event
                queries_read_the_live_generation_until_the_switch
                a_switch_waits_for_a_generation_that_is_behind
                another_definition_is_built_beside_and_takes_over;
            effects:
                effects_are_done_only_while_live_and_never_twice_by_a_rebuild
                an_effect_that_fails_is_tried_again_before_the_next
                effects_are_done_at_least_once_whatever_is_killed_when;
            lanes:
                lanes_together_make_the_fold
                a_document_of_another_lane_is_poison;
        }
    };
}

macro_rules! export {
    ([] $($subject:ident: $($case:ident)+;)+) => { $(pub use $subject::{$($case),+};)+ };
}

view_cases!([export!] []);

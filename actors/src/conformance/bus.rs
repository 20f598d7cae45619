//! What every [`Bus`](crate::seams::Bus) promises.
//!
//! **Invariant:** no case depends on how fast the bus is, only on what comes before what.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use uuid::Uuid;

use super::Unexpected;

pub mod messages;
pub mod requests;
pub mod values;

/// What the cases are run on.
pub type Subject = dyn crate::seams::Bus;

/// Makes a test of each case: `bus_conformance!(attribute of the test, future of an Opened<dyn Bus, _>)`.
#[macro_export]
macro_rules! bus_conformance {
    ($test:meta, $open:expr) => {
        $crate::conformance_cases! { $test, $open, bus;
            messages::{
                every_subscriber_gets_what_is_published,
                one_publishers_messages_keep_their_order,
                a_subscription_begins_when_subscribe_returns,
                publishing_to_nobody_is_no_error,
                a_full_subscription_drops_the_oldest_and_says_how_many,
                a_dropped_subscription_costs_the_others_nothing,
                subjects_do_not_mix,
                what_is_no_subject_is_refused,
            }
            requests::{
                a_request_is_answered,
                requests_arrive_in_the_order_in_which_request_returned,
                nobody_serving_is_told_at_once,
                a_subscriber_answers_no_requests,
                a_server_hears_nothing_published,
                no_answer_is_a_time_out_and_not_before,
                an_answer_that_is_dropped_is_a_time_out,
                an_answer_too_late_is_no_fault,
                a_full_server_refuses,
                a_server_that_left_serves_nobody,
            }
            values::{
                a_value_is_what_was_written,
                a_put_needs_the_present_revision,
                of_puts_at_once_one_wins,
                a_value_ends_with_its_age,
                writing_again_renews_the_age,
                a_deleted_key_is_gone,
                a_watch_begins_with_what_is_there,
                a_watch_tells_every_change_in_order,
                a_watcher_too_far_behind_is_ended,
                buckets_do_not_mix,
                what_is_no_bucket_or_key_is_refused,
            }
        }
    };
}

/// Long enough for any bus that works.
const PATIENCE: Duration = Duration::from_secs(10);

/// A subject, bucket or key that no other case uses.
fn unused(what: &str) -> String {
    format!("{what}-{}", Uuid::new_v4().simple())
}

fn body(number: usize) -> Bytes {
    Bytes::from(number.to_string())
}

/// The next item, an error if the stream ends or takes too long.
async fn next<T>(stream: &mut BoxStream<'static, T>) -> Result<T, Unexpected> {
    tokio::time::timeout(PATIENCE, stream.next()).await?.ok_or_else(|| "the stream ended".into())
}

/// Whether nothing comes for as long as a bus may take.
async fn is_silent<T>(stream: &mut BoxStream<'static, T>) -> bool {
    tokio::time::timeout(Duration::from_millis(500), stream.next()).await.is_err()
}

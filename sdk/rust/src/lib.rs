//! A client of a Troupe cluster over HTTP.
//!
//! Every node answers for the whole cluster, so a client has several endpoints and moves on when one fails. Each logical
//! call has a deadline, which is sent along, one idempotency key for all its attempts, and a few retries. A call that may
//! have been executed is retried only if it is protected against a second execution.
//!
//! ```no_run
//! # async fn example() -> Result<(), troupe_sdk::Error> {
//! use troupe_sdk::{Client, Event};
//!
//! let client = Client::builder().endpoints(["http://127.0.0.1:8101", "http://127.0.0.1:8102"]).build()?;
//! let receipt = client.record_events(&[Event::new("42", "7", "rating", 881_250_949_000).value(4.0)]).await?;
//! assert_eq!(receipt.acknowledged(), 1);
//! for item in client.recommendations("42", 10).await?.items {
//!     println!("{} {}", item.score, item.title);
//! }
//! # Ok(())
//! # }
//! ```

mod answers;
mod builder;
mod calls;
mod endpoints;
mod error;
mod event;
mod exchange;
mod lookup;
mod retry;

pub use answers::{Item, Recommendations, Timing};
pub use builder::Builder;
pub use calls::{CallOptions, Client, Protection};
pub use error::{Error, Executed, Problem};
pub use event::{Event, Failed, Receipt, Rejected};
pub use lookup::{Column, Features, Metadata, Status};
pub use retry::{Budget, Decision, Failure, RetryPolicy};

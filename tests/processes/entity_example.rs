//! The example's binary with a kind of its own: three nodes, called through the SDK, one of them killed.

use std::time::Duration;

use serde_json::json;
use troupe_sdk::{Client, RetryPolicy};

use super::binary::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_of_ones_own_is_served_by_every_node_and_outlives_one() {
    let mut site = Site::of("entity");
    site.serve().await;
    let retries =
        RetryPolicy { retries: 40, first_delay: Duration::from_millis(25), ..RetryPolicy::default() };
    let client = |at: usize| {
        let mut gateways = site.gateways.clone();
        gateways.rotate_left(at);
        Client::builder()
            .endpoints(gateways)
            .within(Duration::from_secs(20))
            .retries(retries)
            .build()
            .unwrap()
    };
    for (at, content) in ["7", "8", "7"].into_iter().enumerate() {
        client(at).ask("watchlists", "42", "add", &json!({ "content": content })).await.unwrap();
    }
    let refused = client(0).ask("watchlists", "42", "add", &json!({ "content": "" })).await.unwrap_err();
    assert_eq!(refused.code(), "BAD_CONTENT");
    let (second, third) = (client(1), client(2));
    site.kill(0);
    let view = second.ask("watchlists", "42", "get", &json!({})).await.unwrap();
    assert_eq!(view, json!({ "contents": ["7", "8"], "full": false }));
    let removed = third.ask("watchlists", "42", "remove", &json!({ "content": "7" })).await.unwrap();
    assert_eq!(removed, json!({ "contents": 1 }));
}

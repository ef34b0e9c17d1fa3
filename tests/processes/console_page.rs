//! The supervision console in a real browser, while a node is killed and comes back.

use serde_json::Value;

use super::binary::Site;
use super::browser::Browser;
use super::http::Http;

/// The card of a node, by its name.
fn card(name: &str) -> String {
    format!(
        "[...document.querySelectorAll('[data-testid=node-card]')].find((card) => \
         card.querySelector('strong').textContent === '{name}')"
    )
}

const LEADERS: &str = "document.querySelectorAll('[data-testid=shard-map] button.cell.leader').length";
const JOURNAL: &str = "document.querySelector('[data-testid=journal]').innerText";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_the_cluster_an_entity_and_a_node_that_dies_and_returns_without_a_reload() {
    let Some(browser) = Browser::start().await else { return };
    let mut site = Site::running().await;
    let event = r#"{"member":"anna","content":"7","type":"rating","value":4.5,"at":1000}"#;
    let said = Http::new().post(&format!("{}/v1/events", site.gateways[0]), &[], event).await;
    assert_eq!(said.status, 200, "{:?}", said.body);

    browser.open(&site.admins[0]).await;
    browser.until("all is well", "document.querySelector('[data-testid=health]').className === 'ok'").await;
    for name in ["n1", "n2", "n3"] {
        browser
            .until("a card says up", &format!("{}?.querySelector('.state').textContent === 'up'", card(name)))
            .await;
    }
    browser.until("five shards have one leader each", &format!("{LEADERS} === 5")).await;
    for name in ["node-1", "shards", "shard-4", "services", "serving"] {
        let text = "document.querySelector('[data-testid=tree]').textContent";
        browser.until("the tree shows what runs", &format!("{text}.includes('{name}')")).await;
    }
    browser.until("the journal tells of leaders", &format!("{JOURNAL}.includes('became leader')")).await;

    browser.fill("[data-testid=entity-form] [name=kind]", "members").await;
    browser.fill("[data-testid=entity-form] [name=key]", "anna").await;
    browser.click("[data-testid=entity-form] button").await;
    let state = "document.querySelector('[data-testid=entity-state]').textContent";
    browser.until("the entity's state is shown", &format!("{state}.includes('4.5')")).await;
    let shown: Value = browser.run(&format!("return JSON.parse({state})")).await;
    assert_eq!(shown["recorded"], 1, "{shown}");
    let messages = "document.querySelector('[data-testid=entity-messages]').innerText";
    browser.until("its messages are shown", &format!("{messages}.includes('record')")).await;
    browser.fill("[data-testid=entity-form] [name=kind]", "nonsense").await;
    browser.click("[data-testid=entity-form] button").await;
    let error = "document.getElementById('entity-error').textContent";
    browser.until("an unknown kind is said", &format!("{error}.includes('nonsense')")).await;

    // From here on the page is not loaded again: a mark that a reload would wipe tells.
    browser.run("window.sameLife = true").await;
    site.kill(2);
    browser
        .until("the dead node's card says so", &format!("{}.classList.contains('down')", card("n3")))
        .await;
    browser
        .until("trouble is said", "document.querySelector('[data-testid=health]').className !== 'ok'")
        .await;
    browser.until("its shards are led elsewhere", &format!("{LEADERS} === 5")).await;
    browser.until("the journal tells of it", &format!("{JOURNAL}.includes('peer down')")).await;
    site.start(2);
    browser
        .until("it is up again", &format!("{}.querySelector('.state').textContent === 'up'", card("n3")))
        .await;
    browser
        .until("all is well again", "document.querySelector('[data-testid=health]').className === 'ok'")
        .await;
    browser.until("without a reload", "window.sameLife === true").await;
}

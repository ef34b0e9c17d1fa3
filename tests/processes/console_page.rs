//! The console's page in a real browser, on top of a real cluster.

use serde_json::{Value, json};

use super::binary::Site;
use super::browser::Browser;

/// The shards of a `Site`, and the control shard.
const SHARDS: usize = 5;

/// What the page shows: the cards by node name, and which node leads each row of the shard map.
const SHOWN: &str = "(() => {
  const names = [...document.querySelectorAll('#shard-map .head span')].map((cell) => cell.textContent).slice(1);
  const rows = [...document.querySelectorAll('[data-testid=shard-map] .row:not(.head)')];
  const fact = (card, name) => [...card.querySelectorAll('dt')].find((term) => term.textContent === name)
    ?.nextElementSibling.textContent;
  return {
    health: document.querySelector('[data-testid=health]').className,
    cards: Object.fromEntries([...document.querySelectorAll('[data-testid=node-card]')].map((card) => [
      card.querySelector('strong').textContent,
      { state: card.querySelector('.state').textContent, incarnation: fact(card, 'incarnation') },
    ])),
    leaders: rows.map((row) => names[[...row.querySelectorAll('button')].findIndex((cell) => cell.classList.contains('leader'))]),
  };
})()";

async fn member_with_an_event(site: &Site, member: &str) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let line = json!({ "member": member, "content": "7", "type": "play", "at": 881_250_949_000_u64 });
    let url = format!("{}/v1/events", site.gateways[0]);
    let answer: Value = client.post(url).json(&line).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["accepted"], 1, "{answer}");
}

/// Waits until what the page shows passes; the page must not have been loaded again since `opened`.
async fn shows(browser: &Browser, what: &str, test: &str) -> Value {
    browser.until(what, &format!("((page) => {test})({SHOWN})")).await;
    assert_eq!(browser.value("window.opened").await, "once", "the page was loaded again");
    browser.value(SHOWN).await
}

async fn open(browser: &Browser, site: &Site) -> Value {
    browser.open(&site.consoles[0]).await;
    browser.value("window.opened = 'once'").await;
    let test = format!(
        "page.health === 'ok' && ['n1', 'n2', 'n3'].every((name) => page.cards[name]?.state === 'up')
         && page.leaders.length === {SHARDS} && page.leaders.every(Boolean)"
    );
    shows(browser, "three nodes up and a leader of every shard", &test).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_page_shows_a_cluster_its_entities_and_a_node_that_dies_and_returns() {
    let Some(browser) = Browser::start().await else { return };
    let mut site = Site::new();
    for node in 0..3 {
        site.start(node);
    }
    for node in 0..3 {
        site.until_ready(node).await;
    }
    member_with_an_event(&site, "m/1 ä").await;
    let before = open(&browser, &site).await;
    shows_the_tree_and_the_journal(&browser).await;
    shows_an_entity(&browser, &site).await;

    // A node that leads something, and not the one that the page comes from.
    let leaders: Vec<&str> = before["leaders"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let victim = if leaders.contains(&"n2") { 1 } else { 2 };
    let name = format!("n{}", victim + 1);
    assert!(leaders.contains(&name.as_str()), "n1 leads everything: {leaders:?}");
    site.kill(victim);
    let moved = format!(
        "page.cards.{name}.state === 'not seen' && page.health === 'degraded'
         && page.leaders.length === {SHARDS} && page.leaders.every((leader) => leader && leader !== '{name}')"
    );
    shows(&browser, "the dead node, and leaders elsewhere", &moved).await;
    browser.until("the reason in the journal", "document.querySelector('#journal td.bad') !== null").await;

    site.start(victim);
    let back = format!("page.cards.{name}.state === 'up' && page.health === 'ok'");
    let after = shows(&browser, "the node that came back", &back).await;
    assert_ne!(before["cards"][&name]["incarnation"], after["cards"][&name]["incarnation"]);

    says_when_its_own_node_is_gone(&browser, &mut site).await;
}

async fn shows_the_tree_and_the_journal(browser: &Browser) {
    let tree = "[...document.querySelectorAll('[data-testid=tree] > details > summary .name')]
        .map((name) => name.textContent).join() === 'n1,n2,n3'
        && document.querySelectorAll('[data-testid=tree] .leaf.running').length >= 3";
    browser.until("the supervision tree of each node", tree).await;
    let journal = "['n1', 'n2', 'n3'].every((name) =>
        [...document.querySelectorAll('[data-testid=journal] tbody tr')].some((row) => row.cells[1].textContent === name))";
    browser.until("journal records of each node", journal).await;
}

async fn shows_an_entity(browser: &Browser, site: &Site) {
    browser.write("#entity-form input[name=kind]", "members").await;
    browser.write("#entity-form input[name=key]", "m/1 ä").await;
    browser.click("#entity-form button").await;
    let shown = "!document.getElementById('entity').hidden
        && document.querySelector('[data-testid=entity-state]').textContent.includes('\"7\"')
        && document.querySelectorAll('[data-testid=entity-messages] tbody td.at').length >= 1";
    browser.until("the member's state and its messages", shown).await;
    let took =
        browser.value("document.querySelector('[data-testid=entity-messages] td.n').textContent").await;
    assert_ne!(took, "0 µs", "a write takes until a majority has it on disk");
    let entity = browser.value("document.querySelector('#entity-facts dd').textContent").await;
    assert_eq!(entity, "members/m/1 ä");
    let state = browser.value("document.querySelector('[data-testid=entity-state]').textContent").await;
    let asked = format!("{}/api/entity/members/m/1%20%C3%A4", site.consoles[1]);
    let told: Value = reqwest::get(asked).await.unwrap().json().await.unwrap();
    let id = told["state"]["history"][0]["id"].as_u64().unwrap();
    assert!(state.as_str().unwrap().contains(&format!("\"id\": {id}")), "{id} was rounded: {state}");

    browser.write("#entity-form input[name=kind]", "ghosts").await;
    browser.click("#entity-form button").await;
    let refused = "document.getElementById('entity').hidden
        && document.getElementById('entity-error').textContent.includes('ghosts')";
    browser.until("why there is no such entity", refused).await;
    // The refused look is the one thing that the browser may hold against the page.
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|one| one.contains("/api/entity/ghosts/")), "{complaints:?}");
}

async fn says_when_its_own_node_is_gone(browser: &Browser, site: &mut Site) {
    site.kill(0);
    browser.until("that what it shows is old", "!document.getElementById('banner').hidden").await;
    site.start(0);
    let connected = "document.getElementById('banner').hidden && page.health === 'ok'";
    shows(browser, "the cluster again", connected).await;
}

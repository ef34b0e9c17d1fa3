//! What was sent, what was acknowledged, and what is found again.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context as _;
use futures::StreamExt as _;
use serde_json::json;
use troupe_actors::profiles::members::HISTORY_MAX;
use troupe_sdk::{Client, Event};

/// Content and time name an event of a member.
type Name = (String, u64);

/// Events by member, and whether each was acknowledged.
#[derive(Debug, Default)]
pub struct Ledger {
    events: BTreeMap<String, HashMap<Name, bool>>,
}

/// What the audit found.
#[derive(Debug, Default, Clone, Copy)]
pub struct Audit {
    pub acknowledged: u64,
    pub found: u64,
    pub lost: u64,
    pub duplicated: u64,
    /// Found, and never sent.
    pub invented: u64,
}

impl Ledger {
    /// Notes an event.
    pub fn sent(&mut self, event: &Event, acknowledged: bool) {
        let name = (event.content.clone(), event.at);
        *self.events.entry(event.member.clone()).or_default().entry(name).or_default() |= acknowledged;
    }

    /// Reads every member's history and holds it against what was sent. A history is bounded: of a member that was
    /// sent more, what the history no longer holds is checked by the member's own count.
    pub async fn audit(&self, client: &Client) -> anyhow::Result<Audit> {
        let mut audit = Audit::default();
        let histories = futures::stream::iter(self.events.keys().cloned())
            .map(|member| async move {
                let history = history(client, &member).await?;
                anyhow::Ok((member, history))
            })
            .buffer_unordered(16);
        futures::pin_mut!(histories);
        while let Some(read) = histories.next().await {
            let (member, (history, recorded)) = read?;
            let dropped = recorded.saturating_sub(history.len() as u64);
            let mut found: HashMap<Name, u64> = HashMap::new();
            for name in history {
                *found.entry(name).or_default() += 1;
            }
            let sent = &self.events[&member];
            let acknowledged = sent.values().filter(|acknowledged| **acknowledged).count() as u64;
            let mut missing = 0;
            for (name, acknowledged) in sent {
                let times = found.remove(name).unwrap_or(0);
                audit.duplicated += times.saturating_sub(1);
                missing += u64::from(*acknowledged && times == 0);
            }
            let lost = if sent.len() > HISTORY_MAX { missing.saturating_sub(dropped) } else { missing };
            audit.acknowledged += acknowledged;
            audit.found += acknowledged - lost;
            audit.lost += lost;
            audit.invented += found.len() as u64;
        }
        Ok(audit)
    }
}

async fn history(client: &Client, member: &str) -> anyhow::Result<(Vec<Name>, u64)> {
    let reply = client.ask("members", member, "get-history", &json!({})).await;
    let reply = reply.with_context(|| format!("the history of member {member}"))?;
    let interactions = reply["interactions"].as_array().cloned().unwrap_or_default();
    let name = |one: &serde_json::Value| {
        (one["content"].as_str().unwrap_or_default().to_owned(), one["at"].as_u64().unwrap_or(0))
    };
    Ok((interactions.iter().map(name).collect(), reply["recorded"].as_u64().unwrap_or(0)))
}

//! Memory per member.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use troupe_actors::profiles::members::{Member, Record};
use troupe_runtime::cluster::RuntimeConfig;
use troupe_runtime::placement::PlacementConfig;
use troupe_runtime::replication::RaftConfig;
use troupe_runtime::shard::ShardConfig;
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, Command as _, Timestamp, wire};

use crate::Alone;

const WITHIN: Duration = Duration::from_secs(30);
/// Members per call.
const MEMBERS_A_CALL: u32 = 20;

/// Memory of a number of members.
#[derive(Debug, Clone, Copy)]
pub struct Residence {
    /// Growth of the process's resident set.
    pub resident_bytes: u64,
    /// Bytes of their encoded states in a checkpoint.
    pub encoded_bytes: u64,
    /// Members.
    pub members: u32,
}

/// Records `events` events for each of `members` members and measures their memory. There are few contents, so the memory
/// is that of the members.
///
/// # Errors
/// A node that does not start, or a call that fails.
pub async fn residence(members: u32, events: u32) -> anyhow::Result<Residence> {
    // A small in-memory log: it is bounded, shared by all members, and must not count.
    let config = RuntimeConfig {
        placement: PlacementConfig::default(),
        shards: 8,
        raft: RaftConfig { log_kept_bytes: 0, ..RaftConfig::default() },
        shard: ShardConfig { checkpoint_log_bytes: 128 << 10, ..ShardConfig::default() },
    };
    let alone = Alone::start(config).await?;
    // The first members pay for shared memory: threads, buffers, the contents, calls in flight.
    write(&alone, 0..members / 2, events).await?;
    let before = settled_bytes().await?;
    write(&alone, members..members * 2, events).await?;
    let resident_bytes = settled_bytes().await?.saturating_sub(before);
    let one = encoded(events)?;
    Ok(Residence { resident_bytes, encoded_bytes: one * u64::from(members), members })
}

async fn write(alone: &Alone, members: std::ops::Range<u32>, events: u32) -> anyhow::Result<()> {
    let router = alone.router();
    for first in members.clone().step_by(MEMBERS_A_CALL as usize) {
        let call = first..members.end.min(first + MEMBERS_A_CALL);
        let asks = call
            .flat_map(|member| (0..events).map(move |at| (member, at)))
            .map(|(member, at)| AskOne {
                to: Address::of::<Member>(member.to_string()),
                verb: Record::VERB.to_owned(),
                body: wire::encode(&event(at)),
                key: None,
            })
            .collect();
        for outcome in router.ask_many(asks, WITHIN).await {
            outcome?;
        }
    }
    Ok(())
}

fn event(at: u32) -> Record {
    Record {
        content: (at % 100).to_string(),
        kind: "rating".into(),
        value: Some(4.0),
        at: Timestamp(1_000_000_000_000 + u64::from(at) * 3_600_000),
        event_id: None,
        context: Vec::new(),
    }
}

/// A member's encoded state after `events` events.
fn encoded(events: u32) -> anyhow::Result<u64> {
    let registry = troupe_actors::registry();
    let kind = registry.get("members").context("the kind of members")?;
    let globals = troupe_runtime::entity::Globals::default();
    let mut cell = (kind.create)("1");
    let verb = kind.verbs.get(Record::VERB).context("the verb that records")?;
    for at in 0..events {
        let ctx = troupe_runtime::Context::at(Timestamp::wall(), "1", &globals);
        match verb.action {
            troupe_runtime::entity::Action::Command(run) => {
                run(cell.as_mut(), &wire::encode(&event(at)), &ctx)
                    .map_err(|error| anyhow::anyhow!(error.why))?;
            }
            troupe_runtime::entity::Action::Query(_) => bail!("recording is a command"),
        }
    }
    Ok(cell.encode().len() as u64)
}

/// The resident set once it no longer falls: checkpoints are written after the calls, and their memory is released a
/// little later.
pub(crate) async fn settled_bytes() -> anyhow::Result<u64> {
    let (mut least, mut since) = (resident_bytes()?, Instant::now());
    while since.elapsed() < Duration::from_secs(1) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = resident_bytes()?;
        if now < least {
            (least, since) = (now, Instant::now());
        }
    }
    Ok(least)
}

/// The resident set of this process.
fn resident_bytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
    Ok(kib << 10)
}

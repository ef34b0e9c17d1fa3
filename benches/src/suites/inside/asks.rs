//! Asks of an entity here and elsewhere, and messages that want no answer.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use troupe_actors::coordination::probes::{Get, Put};
use troupe_runtime::transport::SendError;
use troupe_runtime::{Address, AskOptions, Router, wire};

use super::Inside;
use troupe_local_cluster::figures::{Goal, Report, percentile};
use troupe_node::boot::PROBE_SERVICE;

const WITHIN: Duration = Duration::from_secs(5);
/// Calls before those that are measured.
const WARM: usize = 2_000;
const LOCAL: usize = 50_000;
const REMOTE: usize = 10_000;
/// One-way messages, and their bytes.
const TELLS: u64 = 3_000_000;
const TELL_BYTES: usize = 100;

/// An actor that answers what it is asked, and nothing around it.
struct Bare;

enum Question {
    Get(RpcReplyPort<u64>),
}

impl ractor::Message for Question {}

impl Actor for Bare {
    type Msg = Question;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Question>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(7)
    }

    async fn handle(
        &self,
        _: ActorRef<Question>,
        message: Question,
        state: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        let Question::Get(reply) = message;
        let _ = reply.send(*state);
        Ok(())
    }
}

/// A query of an entity that is led here, beside a call of an actor that is nothing but an actor.
pub(super) async fn local(inside: &Inside, report: &mut Report) -> anyhow::Result<()> {
    println!("asks: {LOCAL} queries of an entity here, one in flight");
    let to = inside.probe_of(inside.led_by(inside.runtime.spec().here).await?, 0);
    let mut asked = ask(inside.router(), to, LOCAL).await?;
    let (bare, _) = Actor::spawn(None, Bare, ()).await?;
    let caller = bare.clone();
    // As a task, as the gateway asks.
    let called = tokio::spawn(async move {
        let mut samples = Vec::with_capacity(LOCAL);
        for at in 0..LOCAL + WARM {
            let start = Instant::now();
            ractor::call!(caller, Question::Get).map_err(|error| anyhow::anyhow!(error.to_string()))?;
            if at >= WARM {
                samples.push(nanos(start));
            }
        }
        anyhow::Ok(samples)
    });
    let mut called = called.await??;
    bare.stop(None);
    let (ask, call) = (percentile(&mut asked, 0.5), percentile(&mut called, 0.5));
    report.beside("ask.local_us.p50", ask / 1_000.0, "us", call / 1_000.0, Goal::None);
    report.add("ask.local_ratio", ask / call, "x", Goal::AtMost(1.5));
    Ok(())
}

/// A query of an entity that another process leads, beside as many bytes there and back over a plain socket.
pub(super) async fn remote(inside: &Inside, report: &mut Report) -> anyhow::Result<()> {
    println!("asks: {REMOTE} queries of an entity of another process, one in flight");
    let to = inside.probe_of(inside.led_by(inside.other(0)?.0).await?, 0);
    let mut asked = ask(inside.router(), to, REMOTE).await?;
    let mut ponged = tokio::task::spawn_blocking(ping_pong).await??;
    for (share, name) in [(0.5, "p50"), (0.99, "p99")] {
        let (ask, pong) = (percentile(&mut asked, share), percentile(&mut ponged, share));
        report.beside(&format!("ask.remote_us.{name}"), ask / 1_000.0, "us", pong / 1_000.0, Goal::None);
        if name == "p50" {
            report.add("ask.remote_ratio", ask / pong, "x", Goal::AtMost(4.0));
        }
    }
    Ok(())
}

/// Nanoseconds of each of so many queries.
async fn ask(router: Router, to: Address, count: usize) -> anyhow::Result<Vec<u64>> {
    router.ask(&to, &Put { value: 7 }, AskOptions::within(WITHIN)).await?;
    let asking = tokio::spawn(async move {
        let mut samples = Vec::with_capacity(count);
        for at in 0..count + WARM {
            let start = Instant::now();
            let seen = router.query(&to, &Get {}, WITHIN).await?;
            if at >= WARM {
                samples.push(nanos(start));
            }
            if seen.value != 7 {
                bail!("the register holds {}", seen.value);
            }
        }
        Ok(samples)
    });
    asking.await?
}

/// Nanoseconds of each round of a hundred bytes over loopback, between two threads that do nothing else.
fn ping_pong() -> anyhow::Result<Vec<u64>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let echo = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut bytes = [0; 100];
        while stream.read_exact(&mut bytes).is_ok() {
            stream.write_all(&bytes)?;
        }
        Ok(())
    });
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut bytes = [7; 100];
    let mut samples = Vec::with_capacity(REMOTE);
    for at in 0..REMOTE + WARM {
        let start = Instant::now();
        stream.write_all(&bytes)?;
        stream.read_exact(&mut bytes)?;
        if at >= WARM {
            samples.push(nanos(start));
        }
    }
    drop(stream);
    echo.join().map_err(|_| anyhow::anyhow!("the echo panicked"))??;
    Ok(samples)
}

/// One-way messages to a service of another process, until it has counted all; beside the same bytes over a plain socket.
#[allow(clippy::cast_precision_loss, reason = "a rate")]
pub(super) async fn tells(inside: &Inside, report: &mut Report) -> anyhow::Result<()> {
    println!("tells: {TELLS} messages of {TELL_BYTES} bytes to another process");
    let (to, _) = inside.other(0)?;
    let before = told(inside, to).await?;
    let start = Instant::now();
    let runtime = inside.runtime.clone();
    let telling = tokio::spawn(async move {
        let mut told = 0;
        while told < TELLS {
            match runtime.tell(to, PROBE_SERVICE, vec![7; TELL_BYTES]) {
                Ok(()) => told += 1,
                // The bound is the peer's pace.
                Err(SendError::Full) => tokio::task::yield_now().await,
                Err(error) => bail!("node {to}: {error}"),
            }
        }
        Ok(())
    });
    telling.await??;
    while told(inside, to).await? - before < TELLS {
        if start.elapsed() > Duration::from_secs(60) {
            bail!("messages were lost: {} of {TELLS} came", told(inside, to).await? - before);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let rate = TELLS as f64 / start.elapsed().as_secs_f64();
    let plain = tokio::task::spawn_blocking(stream_of_messages).await??;
    report.beside("tell.remote_per_s", rate, "messages/s", plain, Goal::AtLeast(1_000_000.0));
    Ok(())
}

/// How many messages a node's probe service has received.
async fn told(inside: &Inside, node: troupe_runtime::NodeId) -> anyhow::Result<u64> {
    let reply = inside.runtime.call(node, PROBE_SERVICE, Vec::new(), WITHIN).await?;
    wire::decode(&reply).map_err(anyhow::Error::msg)
}

/// Messages a second over a plain socket, buffered on both sides.
#[allow(clippy::cast_precision_loss, reason = "a rate")]
fn stream_of_messages() -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let start = Instant::now();
    let count = std::thread::spawn(move || -> std::io::Result<u64> {
        let (stream, _) = listener.accept()?;
        let mut reader = std::io::BufReader::with_capacity(64 << 10, stream);
        let (mut bytes, mut count) = ([0; TELL_BYTES], 0);
        while reader.read_exact(&mut bytes).is_ok() {
            count += 1;
        }
        Ok(count)
    });
    let mut writer = std::io::BufWriter::with_capacity(64 << 10, TcpStream::connect(address)?);
    for _ in 0..TELLS {
        writer.write_all(&[7; TELL_BYTES])?;
    }
    drop(writer.into_inner().context("the socket")?);
    let count = count.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

fn nanos(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

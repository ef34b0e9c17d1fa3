//! The state of a canary, and its decisions.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::{Answer, Timer};
use troupe_runtime::text::cut;
use troupe_runtime::{Command, Context, Decide, Decision, Entity, Refused, Timestamp};
use troupe_statistics::canary::Thresholds;
use troupe_statistics::canary::lifetime;
use troupe_statistics::canary::lifetime::Window;
use xxhash_rust::xxh3::xxh3_64;

use super::config::check;
use super::judging::{judged, views};
use super::messages::{
    CanaryEnded, CanaryView, Cancel, GetCanary, GiveUp, JudgeLook, Judged, LookView, Notify, Overdue,
    StartCanary, Verdict,
};
use crate::coordination::directory::{Directory, Entry, Upsert};
use crate::stored::{NamedFields, OptionalTail};

/// How long the points of a look may be missing before the canary ends with `no_data`, in milliseconds.
pub const GRACE_MS: u64 = 10 * 60_000;
/// Milliseconds between the end of a window and its first fetch, for points of the last minute that still arrive.
const SETTLE_MS: u64 = 2_000;
/// Milliseconds between tries to fetch points.
const RETRY_MS: u64 = 15_000;
const WHY_CHARS_MAX: usize = 400;
const TIMER: &str = "overdue";

/// One canary analysis, keyed by its id.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Canary {
    started: Option<StartCanary>,
    at: Timestamp,
    /// For display; a copy of those in `started`.
    thresholds: NamedFields<Thresholds>,
    looks: Vec<LookView>,
    trouble: Option<String>,
    verdict: Option<Verdict>,
    /// The receiver of its end.
    notify: OptionalTail<Option<Notify>>,
}

/// What happened to a canary.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// Started, at this time.
    Started(Box<StartCanary>, Timestamp),
    /// A look was judged.
    Looked(Box<LookView>),
    /// Points could not be fetched, for this reason.
    Troubled(String),
    /// Ended.
    Ended(Verdict),
    /// A receiver of its end was added.
    Watched(Notify),
}

impl Canary {
    fn window(&self) -> Option<Window> {
        let lifetime = self.started.as_ref()?.lifetime.as_ref()?;
        lifetime.0.window(self.looks.len() as u64)
    }

    fn list<C: Command>(decision: Decision<Self, C>, entry: Entry) -> Decision<Self, C> {
        decision.tell(Directory::of::<Self>(), &Upsert { entry })
    }

    /// Adds the effect that reports the end to the entity that started the canary.
    pub(super) fn report<C: Command>(
        decision: Decision<Self, C>,
        to: &Notify,
        key: &str,
        verdict: Verdict,
    ) -> Decision<Self, C> {
        let ended = CanaryEnded { id: to.id.clone(), canary: key.to_owned(), verdict };
        decision.tell(to.to.clone(), &ended)
    }

    fn entry(&self, key: &str, state: &str, due: Option<Timestamp>) -> Entry {
        let about = self.started.as_ref().map_or_else(String::new, |started| {
            format!("{} {}", started.application, started.config.0.name).trim().to_owned()
        });
        Entry { key: key.to_owned(), state: state.to_owned(), about, topics: Vec::new(), share: 0.0, due }
    }

    fn end<C: Command>(
        &self,
        ctx: &Context<'_>,
        decision: Decision<Self, C>,
        outcome: &str,
        words: String,
    ) -> Decision<Self, C> {
        let verdict =
            Verdict { at: ctx.now, outcome: outcome.to_owned(), passed: outcome == "passed", words };
        let entry = self.entry(ctx.key, outcome, None);
        let decision = match &self.notify.0 {
            Some(notify) => Self::report(decision, notify, ctx.key, verdict.clone()),
            None => decision,
        };
        Self::list(decision.and(Event::Ended(verdict)).cancel_timer(TIMER), entry)
    }

    fn wait<C: Command>(
        &self,
        ctx: &Context<'_>,
        decision: Decision<Self, C>,
        window: &Window,
    ) -> Decision<Self, C> {
        let due = Timestamp(window.until_ms.saturating_add(SETTLE_MS).max(ctx.now.0));
        let overdue = Timestamp(due.0.saturating_add(GRACE_MS));
        let entry = self.entry(ctx.key, "running", Some(due));
        Self::list(decision, entry).set_timer(TIMER, Timer::once(overdue, &Overdue {}))
    }

    fn refused_unless_running(&self) -> Result<&StartCanary, Refused> {
        match (&self.started, &self.verdict) {
            (None, _) => Err(Refused::new("UNDEFINED", "start the canary first")),
            (Some(_), Some(verdict)) => {
                Err(Refused::new("ENDED", format!("the canary has {}: start another one", verdict.outcome)))
            }
            (Some(started), None) => Ok(started),
        }
    }
}

impl Entity for Canary {
    const KIND: &'static str = "canaries";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Started(started, at) => {
                self.thresholds = started.thresholds.clone();
                (self.started, self.at) = (Some(started.as_ref().clone()), *at);
            }
            Event::Looked(look) => {
                if let Some(last) = self.looks.last_mut() {
                    last.metrics.clear();
                }
                self.looks.push(look.as_ref().clone());
                self.trouble = None;
            }
            Event::Troubled(why) => self.trouble = Some(why.clone()),
            Event::Ended(verdict) => self.verdict = Some(verdict.clone()),
            Event::Watched(notify) => self.notify.0 = Some(notify.clone()),
        }
    }

    fn size(&self) -> usize {
        let looks: usize = self.looks.iter().map(|look| 200 + look.result.0.results.len() * 400).sum();
        size_of::<Self>() + looks + self.looks.last().map_or(0, |look| look.metrics.len() * 1_200)
    }
}

impl Canary {
    /// The verdict; `None` while it runs.
    pub(super) const fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    pub(super) fn watched_by(&self, notify: &Notify) -> bool {
        self.notify.0.as_ref() == Some(notify)
    }

    /// Starts the analysis. An equal start that came before changes nothing.
    pub(super) fn begin<C: Command>(
        &self,
        ask: &StartCanary,
        ctx: &Context<'_>,
    ) -> Result<Decision<Self, C>, Refused> {
        if let Some(started) = &self.started {
            let why = "this canary was started with other content: give another id";
            return if started == ask {
                Ok(Decision::unchanged())
            } else {
                Err(Refused::new("STARTED", why))
            };
        }
        let mut wrong = None;
        let mut say = |path: String, why: String| {
            wrong.get_or_insert(Refused::field("BAD_THRESHOLDS", path, why));
        };
        ask.thresholds.0.validate("thresholds", &mut say);
        if let Some(refused) = check(&ask.config.0, "config.").err().or(wrong) {
            return Err(refused);
        }
        let begun = Self { started: Some(ask.clone()), ..Self::default() };
        let decision = Decision::event(Event::Started(Box::new(ask.clone()), ctx.now));
        Ok(match begun.window() {
            Some(window) => begun.wait(ctx, decision, &window),
            // The next command brings the points, or the node that starts it fetches them from the scopes of the
            // request, or any other node does after a while. The timer ends an analysis without points.
            None => {
                let asks = ask.request.0["scopes"].is_object();
                let due = asks.then_some(Timestamp(ctx.now.0 + RETRY_MS));
                let entry = begun.entry(ctx.key, "running", due);
                let overdue = Timer::once(Timestamp(ctx.now.0 + GRACE_MS), &Overdue {});
                Self::list(decision, entry).set_timer(TIMER, overdue)
            }
        })
    }
}

impl Decide<StartCanary> for Canary {
    fn decide(&self, ask: &StartCanary, ctx: &Context<'_>) -> Decision<Self, StartCanary> {
        self.begin(ask, ctx).map_or_else(Decision::refuse, |decision| decision.reply(()))
    }
}

impl Decide<JudgeLook> for Canary {
    fn decide(&self, ask: &JudgeLook, ctx: &Context<'_>) -> Decision<Self, JudgeLook> {
        let known = usize::try_from(ask.look).ok().and_then(|look| self.looks.get(look));
        if let Some(look) = known {
            let (result, verdict) = (look.result.clone(), self.verdict.clone());
            return Decision::unchanged().reply(Judged { fresh: false, result, verdict });
        }
        let started = match self.refused_unless_running() {
            Ok(started) => started,
            Err(refused) => return Decision::refuse(refused),
        };
        if ask.look != self.looks.len() as u64 {
            let why = format!("look {} is not the next one, which is {}", ask.look, self.looks.len());
            return Decision::refuse(Refused::field("WRONG_LOOK", "look", why));
        }
        let window = self.window();
        let seed = xxh3_64(ctx.key.as_bytes()).wrapping_add(ask.look);
        let (result, unjudged) = match judged(started, &ask.pairs, seed) {
            Ok(judged) => judged,
            Err(refused) => return Decision::refuse(refused),
        };
        let score = result.score.score;
        let thresholds = started.thresholds.0;
        let metrics = views(&ask.pairs, &result);
        let look = LookView {
            at: ctx.now,
            window: window.map(NamedFields),
            score,
            result: NamedFields(result.clone()),
            metrics,
        };
        let decision = Decision::event(Event::Looked(Box::new(look)));
        let verdict = match (&started.lifetime, &window) {
            (Some(lifetime), Some(window)) => lifetime.0.verdict(window, score, thresholds),
            _ if score >= thresholds.pass => lifetime::Verdict::Passed,
            _ => lifetime::Verdict::Failed,
        };
        let why = result.score.classification_reason.as_deref().unwrap_or_default();
        let words = format!("look {} scored {score} of {} to pass. {why}", ask.look + 1, thresholds.pass);
        let decision = match (verdict, unjudged) {
            // Without any judged metric the score has no meaning.
            (lifetime::Verdict::Passed | lifetime::Verdict::Failed, Some(why)) => {
                self.end(ctx, decision, "no_data", why)
            }
            (lifetime::Verdict::Passed, None) => self.end(ctx, decision, "passed", words.trim().to_owned()),
            (lifetime::Verdict::Failed, None) => self.end(ctx, decision, "failed", words.trim().to_owned()),
            (lifetime::Verdict::Continues, _) => {
                let next = started.lifetime.as_ref().and_then(|lifetime| lifetime.0.window(ask.look + 1));
                match next {
                    Some(next) => self.wait(ctx, decision, &next),
                    None => decision,
                }
            }
        };
        let ended = decision.events().iter().find_map(|event| match event {
            Event::Ended(verdict) => Some(verdict.clone()),
            _ => None,
        });
        decision.reply(Judged { fresh: true, result: NamedFields(result), verdict: ended })
    }
}

impl Decide<GiveUp> for Canary {
    fn decide(&self, ask: &GiveUp, ctx: &Context<'_>) -> Decision<Self, GiveUp> {
        if self.refused_unless_running().is_err() || ask.look != self.looks.len() as u64 {
            return Decision::unchanged().reply(());
        }
        let why = cut(&ask.why, WHY_CHARS_MAX);
        let entry = self.entry(ctx.key, "running", Some(Timestamp(ctx.now.0 + RETRY_MS)));
        Self::list(Decision::event(Event::Troubled(why)), entry).reply(())
    }
}

impl Decide<Cancel> for Canary {
    fn decide(&self, ask: &Cancel, ctx: &Context<'_>) -> Decision<Self, Cancel> {
        match self.refused_unless_running() {
            Err(refused) if self.started.is_none() => Decision::refuse(refused),
            Err(_) => Decision::unchanged().reply(()),
            Ok(_) => {
                let why = cut(&ask.why, WHY_CHARS_MAX);
                self.end(ctx, Decision::unchanged(), "cancelled", why).reply(())
            }
        }
    }
}

impl Decide<Overdue> for Canary {
    fn decide(&self, _ask: &Overdue, ctx: &Context<'_>) -> Decision<Self, Overdue> {
        if self.refused_unless_running().is_err() {
            return Decision::unchanged().reply(());
        }
        let why = self.trouble.as_deref().unwrap_or("no node brought the points");
        let words = format!("look {} was never judged: {why}", self.looks.len() + 1);
        self.end(ctx, Decision::unchanged(), "no_data", words).reply(())
    }
}

impl Answer<GetCanary> for Canary {
    fn answer(&self, _ask: &GetCanary, _ctx: &Context<'_>) -> Result<CanaryView, Refused> {
        Ok(CanaryView {
            started: self.started.clone(),
            at: self.at,
            looks: self.looks.clone(),
            next: if self.verdict.is_none() { self.window().map(NamedFields) } else { None },
            trouble: self.trouble.clone(),
            verdict: self.verdict.clone(),
        })
    }
}

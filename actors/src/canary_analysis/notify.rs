//! Starts a canary for an entity that waits for its end.

use troupe_runtime::{Context, Decide, Decision};

use super::messages::{StartFor, Verdict};
use super::state::{Canary, Event};

impl Decide<StartFor> for Canary {
    fn decide(&self, ask: &StartFor, ctx: &Context<'_>) -> Decision<Self, StartFor> {
        match self.begin(&ask.start, ctx) {
            // A repeated request: the end was reported, or will be.
            Ok(decision) if decision.events().is_empty() && self.watched_by(&ask.notify) => {
                decision.reply(())
            }
            // An equal start by another sender came first.
            Ok(decision) => match self.verdict() {
                Some(verdict) => Self::report(decision, &ask.notify, ctx.key, verdict.clone()).reply(()),
                None => decision.and(Event::Watched(ask.notify.clone())).reply(()),
            },
            Err(refused) => {
                let field = refused.field.as_deref().map(|field| format!(" at {field}")).unwrap_or_default();
                let words = format!("{}{field}: {}", refused.code, refused.message);
                let verdict = Verdict { at: ctx.now, outcome: "refused".to_owned(), passed: false, words };
                Self::report(Decision::unchanged(), &ask.notify, ctx.key, verdict).reply(())
            }
        }
    }
}

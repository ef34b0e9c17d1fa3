//! Canaries that are started by an entity, which waits for their end.

use troupe_runtime::{Command, Context, Decide, Decision};

use super::messages::{CanaryEnded, Notify, StartFor, Verdict};
use super::state::{Canary, Event};

impl Notify {
    /// Adds the effect that tells of the end.
    pub(super) fn tell<C: Command>(
        &self,
        decision: Decision<Canary, C>,
        canary: &str,
        verdict: Verdict,
    ) -> Decision<Canary, C> {
        let ended = CanaryEnded { id: self.id.clone(), canary: canary.to_owned(), verdict };
        decision.tell(self.to.clone(), &ended)
    }
}

impl Decide<StartFor> for Canary {
    fn decide(&self, ask: &StartFor, ctx: &Context<'_>) -> Decision<Self, StartFor> {
        match self.begin(&ask.start, ctx) {
            // Its end was told, or will be: whoever asks twice is not told twice.
            Ok(decision) if decision.events().is_empty() && self.watched_by(&ask.notify) => {
                decision.reply(())
            }
            // Somebody else started it with the same words.
            Ok(decision) => match self.verdict() {
                Some(verdict) => ask.notify.tell(decision, ctx.key, verdict.clone()).reply(()),
                None => decision.and(Event::Watched(ask.notify.clone())).reply(()),
            },
            Err(refused) => {
                let field = refused.field.as_deref().map(|field| format!(" at {field}")).unwrap_or_default();
                let words = format!("{}{field}: {}", refused.code, refused.message);
                let verdict = Verdict { at: ctx.now, outcome: "refused".to_owned(), passed: false, words };
                ask.notify.tell(Decision::unchanged(), ctx.key, verdict).reply(())
            }
        }
    }
}

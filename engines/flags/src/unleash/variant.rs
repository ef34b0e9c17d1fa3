//! The choice of a variant.

use super::compile::Budget;
use super::context::{Context, Field, Stickiness};
use super::error::{At, Refused};
use super::hash::{VARIANT_SEED, draw, normalized_hash};
use super::payload::VariantDefinition;
use super::{PAYLOAD_BYTES_MAX, VARIANTS_MAX};

/// Compiled variants: at least one, the sum of their weights above 0.
#[derive(Debug, Clone)]
pub(crate) struct Variants {
    all: Vec<VariantDefinition>,
    total: u32,
    stickiness: Stickiness,
}

impl Variants {
    /// `None` without variants. `stickiness` is the strategy's; a feature's variants have their own.
    pub(crate) fn compile(
        own: &[VariantDefinition],
        stickiness: Option<&str>,
        at: &At<'_>,
        budget: &mut Budget,
    ) -> Result<Option<Self>, Refused> {
        let list = at.field("variants");
        list.at_most(own.len(), VARIANTS_MAX)?;
        let mut total: u32 = 0;
        for (i, variant) in own.iter().enumerate() {
            let at = at.item("variants", i);
            budget.text(&variant.name, &at.field("name"))?;
            if own[..i].iter().any(|other| other.name == variant.name) {
                return Err(at.field("name").refuse_text(&variant.name, "give every variant its own name"));
            }
            total = u32::try_from(variant.weight)
                .ok()
                .and_then(|weight| total.checked_add(weight))
                .filter(|total| i32::try_from(*total).is_ok())
                .ok_or_else(|| {
                    at.field("weight")
                        .refuse(variant.weight, "give weights from 0 that sum to at most 2^31 - 1")
                })?;
            let payload = variant.payload.as_ref();
            let bytes = payload.map_or(0, |payload| payload.value.len() + payload.kind.len());
            at.field("payload").at_most(bytes, PAYLOAD_BYTES_MAX)?;
            at.field("overrides").at_most(variant.overrides.len(), VARIANTS_MAX)?;
            for (j, exception) in variant.overrides.iter().enumerate() {
                let at = at.item("overrides", j);
                budget.name(&exception.context_name, &at.field("contextName"))?;
                budget.values(&exception.values, &at.field("values"))?;
            }
        }
        let Some(first) = own.first() else { return Ok(None) };
        if total == 0 {
            return Err(list.refuse("of no weight", "give at least one variant a weight above 0"));
        }
        let stickiness = Stickiness::named(stickiness.or(first.stickiness.as_deref()));
        Ok(Some(Self { all: own.to_vec(), total, stickiness }))
    }

    /// The choice without overrides, which a strategy's variants do not have.
    pub(crate) fn without_overrides(mut self) -> Self {
        for variant in &mut self.all {
            variant.overrides.clear();
        }
        self
    }

    pub(crate) fn choose(&self, group: &str, context: &Context) -> Option<&VariantDefinition> {
        let excepted = self.all.iter().find(|variant| {
            variant.overrides.iter().any(|exception| {
                Field::named(&exception.context_name)
                    .of(context)
                    .is_some_and(|value| exception.values.iter().any(|one| one == value))
            })
        });
        if excepted.is_some() {
            return excepted;
        }
        let target = match self.stickiness.sticks(context) {
            Some(identifier) => normalized_hash(group, identifier, self.total, VARIANT_SEED).into(),
            None => draw(context.draw, 3) % u64::from(self.total) + 1,
        };
        let mut reached = 0;
        self.all.iter().find(|variant| {
            reached += u64::try_from(variant.weight).unwrap_or(0);
            reached >= target
        })
    }
}

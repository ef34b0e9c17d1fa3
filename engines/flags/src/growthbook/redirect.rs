//! URL redirect experiments: a page that sends a subject to another page.
//!
//! The gateway does not evaluate redirects; GrowthBook's browser clients do. This stays for the section `urlRedirect` of
//! the reference vectors (`growthbook_sdk_cases`).

use super::context::{Context, Observer};
use super::experiment::Experiment;
use super::features::Features;
use super::outcome::Assigned;
use super::url::merged_query;

/// The target of a redirect.
#[derive(Debug, Clone)]
pub struct Redirect<'a> {
    /// The redirecting experiment.
    pub experiment: &'a Experiment,
    /// The assignment.
    pub assigned: Assigned<'a>,
    /// The URL of the variation.
    pub url: &'a str,
    /// The URL, with the page's query if the experiment persists it.
    pub url_with_params: String,
}

impl Features {
    /// The redirect of the first experiment that targets the subject's page with a variation on another page.
    pub fn redirect<'a>(
        &'a self,
        context: &Context<'a>,
        observer: &mut impl Observer,
    ) -> Option<Redirect<'a>> {
        let page = context.url?;
        let candidates = self.experiments().iter().filter(|experiment| {
            let definition = &experiment.definition;
            let redirects = |variation: &serde_json::Value| variation.get("urlRedirect").is_some();
            experiment.targets.is_some()
                && definition.manual != Some(true)
                && definition.variations.iter().any(redirects)
        });
        for experiment in candidates {
            let assigned = self.run(experiment, context, observer);
            let url = assigned.value.get("urlRedirect").and_then(serde_json::Value::as_str);
            let Some(url) = url.filter(|_| assigned.in_experiment) else { continue };
            let url_with_params = if experiment.definition.persist_query_string == Some(true) {
                merged_query(page, url)
            } else {
                url.to_owned()
            };
            // A redirect back to the same page would loop.
            let back =
                experiment.targets.as_ref().is_some_and(|targets| targets.match_page(&url_with_params));
            return (!back).then_some(Redirect { experiment, assigned, url, url_with_params });
        }
        None
    }
}

//! Workflows from the terminal, over the gateway's routes, which are those that Maestro's clients use.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

/// Longest time that an answer takes.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks at an instance that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Statuses of an instance that is over.
const OVER: [&str; 4] = ["SUCCEEDED", "FAILED", "STOPPED", "TIMED_OUT"];

/// Pushes, starts and watches workflows.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Any node's gateway address.
    #[arg(long, default_value = "127.0.0.1:8101", global = true)]
    gateway: String,
    /// The author, for the timeline.
    #[arg(long, default_value = "cli", global = true)]
    user: String,
    /// Prints the answer as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Adds a version of a workflow; the same definition again adds none.
    Push {
        /// The definition: Maestro's JSON where the name ends in .json, else its YAML.
        file: PathBuf,
    },
    /// Checks a definition and lists every problem; stores nothing.
    Validate {
        /// The definition.
        file: PathBuf,
    },
    /// Starts an instance.
    Start {
        /// The workflow.
        workflow: String,
        /// A number, active, latest or default.
        #[arg(long, default_value = "default")]
        version: String,
        /// A parameter as name=value: a whole number, true, false, or else a string.
        #[arg(long = "param", value_name = "NAME=VALUE")]
        params: Vec<String>,
        /// Names the start: the same one twice is one instance.
        #[arg(long)]
        request_id: Option<String>,
        /// Waits for its end at most so long, and fails unless it succeeds.
        #[arg(long, value_parser = humantime::parse_duration)]
        wait: Option<Duration>,
    },
    /// A workflow's newest instances, or the steps of one of them.
    Status {
        /// The workflow.
        workflow: String,
        /// The instance's number.
        instance: Option<u64>,
    },
    /// Stops every instance that is not over, one of them, or one step.
    Stop {
        /// The workflow.
        workflow: String,
        /// The instance's number.
        instance: Option<u64>,
        /// The step.
        step: Option<String>,
    },
    /// Restarts an instance that is over: with what was not complete, from its beginning, or from one step on.
    Restart {
        /// The workflow.
        workflow: String,
        /// The instance's number.
        instance: u64,
        /// Every step again.
        #[arg(long, conflicts_with = "step")]
        from_beginning: bool,
        /// This step, and everything after it.
        #[arg(long)]
        step: Option<String>,
    },
    /// The workflows that there are.
    List,
}

/// Does it.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let gateway = Gateway::of(arguments)?;
    match &arguments.act {
        Act::Push { file } => {
            let (path, kind, body) = definition(file, &[])?;
            let answer = gateway.send(Method::POST, &path, Some((kind, body))).await?;
            let metadata = &answer["workflow_definition"]["metadata"];
            gateway.show(&answer, || {
                format!("{} version {}", text(metadata, "workflow_id"), metadata["workflow_version_id"])
            })
        }
        Act::Validate { file } => {
            let (path, kind, body) = definition(file, &["actions", "validate"])?;
            let answer = gateway.send(Method::PUT, &path, Some((kind, body))).await?;
            gateway
                .show(&answer, || format!("{}: {}", text(&answer, "workflow_id"), text(&answer, "message")))
        }
        Act::Start { workflow, version, params, request_id, wait } => {
            let mut body = json!({ "initiator": { "type": "manual" }, "run_params": read(params)? });
            if let Some(id) = request_id {
                body["request_id"] = json!(id);
            }
            let path = ["workflows", workflow, "versions", version, "actions", "start"];
            let answer = gateway.post(&path, &body).await?;
            let instance = answer["workflow_instance_id"].as_u64().context("the answer names no instance")?;
            match wait {
                Some(wait) => gateway.wait(workflow, instance, *wait).await,
                None => gateway
                    .show(&answer, || format!("{workflow} instance {instance}: {}", text(&answer, "status"))),
            }
        }
        Act::Status { workflow, instance: None } => {
            let answer = gateway.get(&["workflows", workflow, "instances"]).await?;
            gateway.show(&answer, || {
                rows(
                    &answer["instances"],
                    &["workflow_instance_id", "status", "workflow_version_id", "workflow_run_id", "why"],
                )
            })
        }
        Act::Status { workflow, instance: Some(instance) } => {
            let answer = gateway.get(&["workflows", workflow, "instances", &instance.to_string()]).await?;
            gateway.show(&answer, || status(&answer))
        }
        Act::Stop { workflow, instance, step } => {
            let instance = instance.map(|instance| instance.to_string());
            let mut path = vec!["workflows", workflow.as_str()];
            path.extend(instance.iter().flat_map(|instance| ["instances", instance.as_str()]));
            path.extend(step.iter().flat_map(|step| ["steps", step.as_str()]));
            path.extend(["actions", "stop"]);
            let answer = gateway.send(Method::PUT, &path, None).await?;
            gateway.show(&answer, || text(&answer["timeline_event"], "message"))
        }
        Act::Restart { workflow, instance, from_beginning, step } => {
            gateway.restart(workflow, *instance, (step.as_deref(), *from_beginning)).await
        }
        Act::List => {
            let answer = gateway.get(&["workflows"]).await?;
            gateway.show(&answer, || rows(&answer["workflows"], &["workflow_id", "is_active", "about"]))
        }
    }
}

/// Where a definition is sent, as what, and the definition.
fn definition<'a>(file: &Path, to: &[&'a str]) -> anyhow::Result<(Vec<&'a str>, &'static str, String)> {
    let body = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let mut path = vec!["workflows"];
    path.extend(to);
    if is_json {
        return Ok((path, "application/json", body));
    }
    path.push("yaml");
    Ok((path, "application/yaml", body))
}

/// Parameters in Maestro's words.
fn read(params: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut all = Map::new();
    for param in params {
        let (name, value) = param.split_once('=').with_context(|| format!("{param:?} is not name=value"))?;
        let typed = match (value.parse::<i64>(), value.parse::<bool>()) {
            (Ok(number), _) => json!({ "value": number, "type": "LONG" }),
            (_, Ok(holds)) => json!({ "value": holds, "type": "BOOLEAN" }),
            _ => json!({ "value": value, "type": "STRING" }),
        };
        all.insert(name.to_owned(), typed);
    }
    Ok(all)
}

struct Gateway<'a> {
    arguments: &'a Arguments,
    client: reqwest::Client,
}

impl<'a> Gateway<'a> {
    fn of(arguments: &'a Arguments) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_WITHIN).build()?;
        Ok(Self { arguments, client })
    }

    async fn get(&self, path: &[&str]) -> anyhow::Result<Value> {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &[&str], body: &Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, Some(("application/json", body.to_string()))).await
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        body: Option<(&'static str, String)>,
    ) -> anyhow::Result<Value> {
        let address = &self.arguments.gateway;
        let mut url = reqwest::Url::parse(&format!("http://{address}"))?;
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("the gateway's address cannot carry a path"))?
            .extend(["api", "v3"].iter().chain(path));
        let mut request = self.client.request(method, url).header("user", &self.arguments.user);
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let answer = request.send().await.with_context(|| format!("no gateway at {address}"))?;
        let good = answer.status().is_success();
        let value: Value = answer.json().await.context("the gateway's answer is not JSON")?;
        if !good {
            bail!("{}: {}", text(&value, "code"), text(&value, "detail"));
        }
        Ok(value)
    }

    async fn restart(
        &self,
        workflow: &str,
        instance: u64,
        (step, from_beginning): (Option<&str>, bool),
    ) -> anyhow::Result<()> {
        let number = instance.to_string();
        let mut path = vec!["workflows", workflow, "instances", number.as_str()];
        path.extend(step.iter().flat_map(|step| ["steps", *step]));
        path.extend(["actions", "restart"]);
        let policy = match (step, from_beginning) {
            (Some(_), _) => "RESTART_FROM_SPECIFIC",
            (None, true) => "RESTART_FROM_BEGINNING",
            (None, false) => "RESTART_FROM_INCOMPLETE",
        };
        let answer = self.post(&path, &json!({ "restart_policy": policy })).await?;
        self.show(&answer, || format!("{workflow} instance {number}: run {}", answer["workflow_run_id"]))
    }

    async fn wait(&self, workflow: &str, instance: u64, wait: Duration) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let answer = self.get(&["workflows", workflow, "instances", &instance.to_string()]).await?;
            let ended = text(&answer, "status");
            if OVER.contains(&ended.as_str()) {
                self.show(&answer, || status(&answer))?;
                if ended != "SUCCEEDED" {
                    bail!("{workflow} instance {instance}: {ended} {}", text(&answer, "why"));
                }
                return Ok(());
            }
            if start.elapsed() > wait {
                bail!("{workflow} instance {instance} is {ended} after {}", humantime::format_duration(wait));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn show(&self, answer: &Value, said: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.arguments.json {
            println!("{}", serde_json::to_string_pretty(answer)?);
        } else {
            println!("{}", said());
        }
        Ok(())
    }
}

/// An instance in a line, and a line for each of its steps.
fn status(answer: &Value) -> String {
    let why = text(answer, "why");
    let head = format!(
        "{} instance {} run {}: {} {why}",
        text(answer, "workflow_id"),
        answer["workflow_instance_id"],
        answer["workflow_run_id"],
        text(answer, "status")
    );
    let views = answer["aggregated_info"]["step_aggregated_views"].as_object();
    let steps = views.into_iter().flatten().map(|(id, view)| {
        let iterations = &view["iterations"];
        let loops = match iterations["total"].as_u64() {
            Some(total) if total > 0 => format!(" {} of {total}", iterations["succeeded"]),
            _ => String::new(),
        };
        format!("  {id:<32} {:<22}{loops} {}", text(view, "status"), text(view, "why"))
    });
    std::iter::once(head.trim_end().to_owned())
        .chain(steps.map(|line| line.trim_end().to_owned()))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A line for each entry of a list.
fn rows(list: &Value, fields: &[&str]) -> String {
    let cell = |entry: &Value, field: &str| {
        entry[field].as_str().map_or_else(|| entry[field].to_string(), str::to_owned)
    };
    let line = |entry: &Value| {
        let cells: Vec<String> = fields.iter().map(|field| format!("{:<16}", cell(entry, field))).collect();
        cells.join(" ").trim_end().to_owned()
    };
    list.as_array().map_or_else(String::new, |list| list.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_by_what_they_look_like() {
        let read = read(&["n=3".into(), "s=a=b".into(), "b=true".into()]).unwrap();
        assert_eq!(read["n"], json!({ "value": 3, "type": "LONG" }));
        assert_eq!(read["s"], json!({ "value": "a=b", "type": "STRING" }));
        assert_eq!(read["b"], json!({ "value": true, "type": "BOOLEAN" }));
        assert!(super::read(&["alone".into()]).is_err());
    }
}

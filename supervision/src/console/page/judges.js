// Judges, deliveries and workflows: the lists, and the drawing of the selected entity.

import { byId, make } from '/dom.js';
import { drawCanary } from '/canary.js';
import { drawDeployment, drawPipeline } from '/deployment.js';
import { drawLineage } from '/lineage.js';
import { drawMonitor } from '/monitor.js';
import { drawExperiment, drawOutcome } from '/outcome.js';
import { drawFlow, drawRun } from '/run.js';
import { drawWorkflow, drawWorkflowRun } from '/workflow.js';

const LISTED = ['experiments', 'canaries', 'monitors', 'pipelines', 'deployments', 'flows', 'workflows'];
const REFRESH_MS = 3000;

const DRAWN = {
  monitors: drawMonitor,
  outcomes: drawOutcome,
  canaries: drawCanary,
  deployments: (state, key) => drawDeployment(state, key, entity),
  pipelines: drawPipeline,
  flows: drawFlow,
  runs: (state, key) => drawRun(state, key, entity),
  lineage: (state, key) => drawLineage(state, key, entity),
  workflows: drawWorkflow,
  'workflow-runs': drawWorkflowRun,
  experiments: async (state, key) => drawExperiment(state, (await entity('outcomes', key))?.state),
};

async function entity(kind, key) {
  const path = key.split('/').map(encodeURIComponent).join('/');
  const answer = await fetch(`/api/entity/${kind}/${path}`).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

export const isDrawn = (kind) => Object.hasOwn(DRAWN, kind);

// Draws the selected entity; other kinds are shown as JSON only.
export async function draw(kind, key, state) {
  const place = byId('entity-drawn');
  if (!isDrawn(kind) || !state) {
    place.replaceChildren();
    return;
  }
  try {
    place.replaceChildren(...await DRAWN[kind](state, key));
  } catch (error) {
    place.replaceChildren(make('p', { class: 'bad' }, `This state cannot be drawn: ${error.message}`));
  }
}

async function list() {
  if (document.hidden) return;
  const lists = await Promise.all(LISTED.map(async (kind) => [kind, (await entity('directory', kind))?.state?.entries ?? {}]));
  const known = lists.filter(([, entries]) => Object.keys(entries).length > 0);
  byId('judges').hidden = known.length === 0;
  byId('judges-lists').replaceChildren(...known.map(([kind, entries]) => make('div', {}, make('h3', {}, kind),
    make('ul', {}, ...Object.values(entries).slice(0, 200).map((entry) => make('li', {},
      make('a', { href: `#${kind}/${encodeURIComponent(entry.key)}` }, entry.key), ` ${entry.state} `, make('span', { class: 'quiet' }, entry.about)))))));
}

export function listenForJudges(again) {
  list();
  setInterval(() => {
    list();
    if (!document.hidden) again();
  }, REFRESH_MS);
}

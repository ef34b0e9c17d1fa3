// One execution of a pipeline: its stages as a graph, the traffic over time, the canary scores, and the operations log.

import { chart, figure, framed, table } from '/charts.js';
import { clock, duration, make, makeSvg } from '/dom.js';

const TONES = {
  SUCCEEDED: 'good', TERMINAL: 'bad', FAILED_CONTINUE: 'bad', STOPPED: 'bad', CANCELED: 'bad', RUNNING: 'running', PAUSED: 'paused',
};
const WORDS = {
  deploy: 'deploy', canary: 'kayentaCanary', weigh: 'setWeight', promote: 'promote', rollback: 'rollback', wait: 'wait',
  judgment: 'manualJudgment', check: 'checkPreconditions', webhook: 'webhook', pipeline: 'pipeline', bake: 'bake',
};
const WIDTH = 168;
const HEIGHT = 54;
const GAP_X = 34;
const GAP_Y = 14;

// A stored enum is a name, or an object with the name as its only key.
const kind = (does) => WORDS[(typeof does === 'string' ? does : Object.keys(does)[0]).toLowerCase()] ?? '';

// A stage's column: the length of the longest path from a stage without prerequisites.
function columns(stages) {
  const column = new Map();
  const of = (stage) => {
    if (!column.has(stage.ref_id)) {
      column.set(stage.ref_id, 0);
      const before = stage.after.map((id) => stages.find((other) => other.ref_id === id)).filter(Boolean);
      column.set(stage.ref_id, before.length === 0 ? 0 : 1 + Math.max(...before.map(of)));
    }
    return column.get(stage.ref_id);
  };
  stages.forEach(of);
  return column;
}

// `tones` and `words` name the colour of a status and the label of a stage; the defaults are those of pipelines.
export function graph(stages, held, now, { tones = TONES, words = ({ does }) => kind(does) } = {}) {
  const column = columns(stages);
  const rows = new Map();
  const place = new Map(stages.map((stage) => {
    const x = column.get(stage.ref_id);
    const y = rows.get(x) ?? 0;
    rows.set(x, y + 1);
    return [stage.ref_id, { left: 4 + x * (WIDTH + GAP_X), top: 4 + y * (HEIGHT + GAP_Y) }];
  }));
  const width = 8 + (1 + Math.max(...column.values())) * (WIDTH + GAP_X) - GAP_X;
  const height = 8 + Math.max(...rows.values()) * (HEIGHT + GAP_Y) - GAP_Y;
  const svg = makeSvg('svg', { class: 'stages', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': 'stages' });
  for (const stage of stages) {
    const to = place.get(stage.ref_id);
    for (const id of stage.after.filter((wanted) => place.has(wanted))) {
      const from = place.get(id);
      const [x1, y1, x2, y2] = [from.left + WIDTH, from.top + HEIGHT / 2, to.left, to.top + HEIGHT / 2];
      svg.append(makeSvg('path', { class: 'edge', d: `M${x1},${y1} C${x1 + GAP_X / 2},${y1} ${x2 - GAP_X / 2},${y2} ${x2},${y2}` }));
    }
  }
  for (const stage of stages) {
    const { left, top } = place.get(stage.ref_id);
    const run = held[stage.ref_id] ?? { status: 'NOT_STARTED' };
    const took = run.began ? duration((run.ended ?? now) - run.began) : '';
    const attempt = run.attempt > 1 ? `, attempt ${run.attempt}` : '';
    svg.append(makeSvg('g', { class: `stage ${tones[run.status] ?? ''}`, transform: `translate(${left},${top})` },
      makeSvg('title', {}, `${stage.ref_id}: ${run.status}${run.why ? `, ${run.why}` : ''}`),
      makeSvg('rect', { width: WIDTH, height: HEIGHT, rx: 6 }),
      makeSvg('text', { x: 10, y: 17, class: 'name' }, short(stage.name, 24)),
      makeSvg('text', { x: 10, y: 32, class: 'kind' }, words(stage)),
      makeSvg('text', { x: 10, y: 46, class: 'status' }, `${run.status}${attempt} ${took}`)));
  }
  return svg;
}

const short = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

// The share of each role over time: a share holds until the next change.
function traffic(run, now) {
  const weights = run.weights ?? [];
  if (weights.length === 0) return null;
  const from = run.started ?? run.made;
  const steps = [[from, 0, false], ...weights, [Math.max(run.ended ?? now, weights.at(-1)[0]), weights.at(-1)[1], weights.at(-1)[2]]];
  const x = [];
  const canary = [];
  const baseline = [];
  const production = [];
  steps.forEach(([at, weight, beside], index) => {
    const share = weight / 100;
    const push = (when, value, other) => {
      x.push(when);
      canary.push(value);
      baseline.push(other);
      production.push(100 - value - other);
    };
    if (index > 0) push(at, steps[index - 1][1] / 100, steps[index - 1][2] ? steps[index - 1][1] / 100 : 0);
    push(at, share, beside ? share : 0);
  });
  const marks = weights.map(([at, weight]) => ({ x: at, words: `${weight / 100} %` }));
  const words = `canary ${figure(weights.at(-1)[1] / 100)} %`;
  return framed('traffic', words, 'quiet', chart({
    label: 'share of members by role', x, marks, zero: true, format: (share) => `${figure(share)} %`,
    lines: [{ values: production }, { values: baseline, tone: 'baseline' }, { values: canary, tone: 'canary' }],
  }));
}

async function scores(stages, held, entity) {
  const drawn = [];
  for (const stage of stages.filter(({ does }) => kind(does) === 'kayentaCanary')) {
    const id = held[stage.ref_id]?.outputs?.canaryId;
    const canary = id ? (await entity('canaries', id))?.state : null;
    if (!canary || canary.looks.length === 0) continue;
    const last = canary.looks.at(-1);
    const verdict = canary.verdict ? `, ${canary.verdict.outcome}` : '';
    const at = `${canary.looks.length} looks, score ${figure(last.score)}${verdict}`;
    drawn.push(framed(`analysis ${stage.ref_id}`, at, canary.verdict?.passed === false ? 'bad' : canary.verdict ? 'good' : 'quiet', chart({
      label: `score of each look of ${id}`, x: canary.looks.map((look) => look.at), zero: true,
      lines: [{ values: canary.looks.map((look) => look.score) },
        { values: canary.looks.map(() => canary.thresholds.pass), tone: 'threshold' },
        { values: canary.looks.map(() => canary.thresholds.marginal), tone: 'threshold' }],
    }), make('a', { href: `#canaries/${encodeURIComponent(id)}` }, `${id}: all metrics`)));
  }
  return drawn;
}

export async function drawDeployment(state, key, entity) {
  const run = state.run;
  if (!run?.begun) return [make('p', {}, 'This deployment does not exist.')];
  const now = Date.now();
  const { definition, by, number, pipeline } = run.begun;
  const target = run.target ? `${run.target.model}@${run.target.canary} beside ${run.target.production || 'the champion'}` : 'nothing yet';
  const since = run.started ? `${duration((run.ended ?? now) - run.started)} since ${clock(run.started)}` : 'queued';
  return [
    make('p', {}, make('strong', { class: TONES[run.status] ?? '' }, run.status), ` ${since}. Execution ${number} of `,
      make('a', { href: `#pipelines/${encodeURIComponent(pipeline)}` }, pipeline), `, started by ${by}. Delivers ${target}.`,
      run.why ? ` ${run.why}` : ''),
    make('div', { class: 'scroll', 'data-testid': 'stages' }, graph(definition.stages, run.stages, now)),
    make('div', { class: 'legend' }, make('span', {}, make('i', { class: 'key production' }), 'production'),
      make('span', {}, make('i', { class: 'key baseline' }), 'baseline'), make('span', {}, make('i', { class: 'key canary' }), 'canary')),
    make('div', { class: 'figures' }, ...[traffic(run, now), ...await scores(definition.stages, run.stages, entity)].filter(Boolean)),
    table(['When', 'User', 'Action', 'Reason'], [...run.notes].reverse().map((note) => [clock(note.at), note.who, note.what, note.why])),
  ];
}

export function drawPipeline(state, key) {
  const { definition, executions } = state;
  const rows = [...(executions?.held ?? [])].reverse().slice(0, 100);
  const link = (number) => make('a', { href: `#deployments/${encodeURIComponent(`${key}:${number}`)}` }, `${key}:${number}`);
  return [
    make('p', {}, definition ? `Application ${definition.application}, revision ${state.revision}. Triggers: ${definition.triggers.map(({ signal }) => signal).join(', ') || 'manual start only'}.` : 'This pipeline has no definition.'),
    definition ? make('div', { class: 'scroll' }, graph(definition.stages, {}, Date.now())) : null,
    table(['Execution', 'Status', 'Started by', 'When', 'Reason'], rows.map((row) => [link(row.number), { text: row.status, tone: TONES[row.status] ?? '' },
      row.by, clock(row.at), row.why])),
  ].filter((part) => part !== null);
}

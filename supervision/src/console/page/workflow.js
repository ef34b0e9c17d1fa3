// A workflow with its versions and instances; and one instance: steps as a graph, attempts over time, loops.

import { table } from '/charts.js';
import { graph } from '/deployment.js';
import { clock, duration, make, makeSvg } from '/dom.js';

const TONES = {
  SUCCEEDED: 'good', SKIPPED: 'good', COMPLETED_WITH_ERROR: 'paused', RUNNING: 'running', IN_PROGRESS: 'running', STARTING: 'running',
  FINISHING: 'running', EVALUATING_PARAMS: 'running', PAUSED: 'paused', WAITING_FOR_SIGNALS: 'paused', WAITING_FOR_PERMITS: 'paused',
  FAILED: 'bad', USER_FAILED: 'bad', PLATFORM_FAILED: 'bad', FATALLY_FAILED: 'bad', INTERNALLY_FAILED: 'bad', TIMEOUT_FAILED: 'bad',
  TIMED_OUT: 'bad', STOPPED: 'bad',
};
const BARS_WIDTH = 760;
const NAME_WIDTH = 170;
const ROW = 20;
const ROWS_MAX = 60;
const LANES_MAX = 100;
const INSTANCES_MAX = 100;
// Longer keys of loop runs contain a hash, which this page does not compute.
const KEY_SPELLED = 160;

const tone = (status) => TONES[status] ?? '';
const short = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

// A step's definition is an object with its type as the only key.
function opened(step) {
  const [sort, body] = Object.entries(step)[0];
  return { ...body, sort: sort === 'step' ? body.type ?? 'step' : sort, next: Object.keys(body.transition?.successors ?? {}) };
}

function stages(defined) {
  return defined.map((step) => ({
    ref_id: step.id, name: step.id, sort: step.sort, after: defined.filter((other) => other.next.includes(step.id)).map(({ id }) => id),
  }));
}

// The steps of one lane by id, in the form that `graph` takes.
function held(defined, lane) {
  return Object.fromEntries(defined.map((step, place) => {
    const run = lane?.steps[place];
    return [step.id, run ? { ...run, began: run.started } : { status: 'NOT_CREATED' }];
  }));
}

const drawnGraph = (defined, lane) => make('div', { class: 'scroll', 'data-testid': 'steps' },
  graph(stages(defined), held(defined, lane), Date.now(), { tones: TONES, words: ({ sort }) => sort }));

// Each step's attempts as bars, from the first start to the last end or to now.
function bars(defined, lane, now) {
  const rows = defined.map((step, place) => ({ step, run: lane.steps[place] })).filter(({ run }) => run?.started).slice(0, ROWS_MAX);
  if (rows.length === 0) return null;
  const spans = rows.map(({ run }) => [...run.history, { attempt: run.attempt, started: run.started, ended: run.ended, status: run.status, why: run.why }]);
  const from = Math.min(...spans.flat().map(({ started }) => started));
  const until = Math.max(...spans.flat().map(({ ended }) => ended ?? now), from + 1);
  const left = (at) => NAME_WIDTH + ((at - from) / (until - from)) * (BARS_WIDTH - NAME_WIDTH - 4);
  const height = rows.length * ROW + 18;
  const svg = makeSvg('svg', { class: 'bars', viewBox: `0 0 ${BARS_WIDTH} ${height}`, width: BARS_WIDTH, height, role: 'img', 'aria-label': 'attempts over time' });
  rows.forEach(({ step }, row) => {
    svg.append(makeSvg('text', { x: NAME_WIDTH - 8, y: row * ROW + 14, class: 'name' }, short(step.id, 26)));
    for (const span of spans[row]) {
      const end = span.ended ?? now;
      svg.append(makeSvg('rect', { class: `bar ${tone(span.status)}`, x: left(span.started), y: row * ROW + 3, rx: 2, width: Math.max(2, left(end) - left(span.started)), height: ROW - 6 },
        makeSvg('title', {}, `${step.id}, attempt ${span.attempt}: ${span.status} ${duration(end - span.started)}${span.why ? `, ${span.why}` : ''}`)));
    }
  });
  svg.append(makeSvg('text', { x: NAME_WIDTH, y: height - 4, class: 'tick' }, clock(from)),
    makeSvg('text', { x: BARS_WIDTH - 4, y: height - 4, class: 'tick end' }, clock(until)));
  return make('div', { class: 'scroll', 'data-testid': 'attempts' }, svg);
}

// Progress of a loop: succeeded, failed or stopped, and remaining iterations, with links to the running ones.
function progress(key, laneNumber, defined, lane) {
  const drawn = [];
  defined.forEach((step, place) => {
    const run = lane.steps[place];
    const loop = run?.looping;
    if (!loop) return;
    const done = loop.counts.succeeded + loop.counts.failed + loop.counts.stopped;
    const total = Math.max(loop.total, done, 1);
    const svg = makeSvg('svg', { class: 'bars', viewBox: '0 0 300 12', width: 300, height: 12, role: 'img', 'aria-label': `${step.id}: ${done} of ${loop.total}` });
    let at = 0;
    for (const [count, name] of [[loop.counts.succeeded, 'good'], [loop.counts.failed + loop.counts.stopped, 'bad']]) {
      svg.append(makeSvg('rect', { class: `bar ${name}`, x: at, y: 0, width: (count / total) * 300, height: 12 }));
      at += (count / total) * 300;
    }
    svg.append(makeSvg('rect', { class: 'bar', x: at, y: 0, width: Math.max(0, 300 - at), height: 12 }));
    const children = loop.running.map((number) => `${key}/${laneNumber}.${place}.${run.attempt}.${number}`)
      .filter((child) => step.sort !== 'subworkflow' && child.length <= KEY_SPELLED)
      .map((child) => make('a', { href: `#workflow-runs/${encodeURIComponent(child)}` }, short(child, 48)));
    drawn.push(make('li', {}, make('strong', {}, step.id), ` ${done}${loop.total ? ` of ${loop.total}` : ''}`,
      loop.counts.failed > 0 ? make('span', { class: 'bad' }, ` ${loop.counts.failed} failed`) : '', ' ', svg, ' ', ...children.flatMap((link) => [link, ' '])));
  });
  return drawn.length > 0 ? make('ul', { class: 'loops', 'data-testid': 'loops' }, ...drawn) : null;
}

// The instance, its status, and since when.
function words(state, key) {
  const { head } = state.live;
  const { workflow, instance, version, initiator } = state.begun;
  const since = head.started ? ` ${duration((head.ended ?? Date.now()) - head.started)} since ${clock(head.started)}.` : '';
  const by = initiator?.user ?? initiator?.type ?? 'an unknown user';
  return make('p', {}, make('strong', { class: tone(head.status), 'data-testid': 'run-status' }, head.status), since, ` Instance ${instance} of `,
    make('a', { href: `#workflows/${encodeURIComponent(workflow)}` }, workflow), `, version ${version}, run ${head.run}, started by ${by}.`,
    key.includes('/') ? make('span', {}, ' Part of ', make('a', { href: `#workflow-runs/${encodeURIComponent(key.slice(0, key.indexOf('/')))}` }, key.slice(0, key.indexOf('/'))), '.') : '',
    head.why ? make('span', { class: 'bad' }, ` ${head.why}`) : '');
}

// One row per running iteration: its values and the status of its steps.
function iterations(defined, lanes) {
  const rows = lanes.slice(0, LANES_MAX).map(([number, lane]) => [number, short(JSON.stringify(lane.values), 80),
    ...defined.map((_, place) => ({ text: lane.steps[place]?.status ?? '', tone: tone(lane.steps[place]?.status) }))]);
  return table(['Iteration', 'Values', ...defined.map(({ id }) => id)], rows);
}

export function drawWorkflowRun(state, key) {
  if (!state.begun) return [make('p', {}, 'This run has not started.')];
  const kind = state.begun.kind;
  const defined = (state.begun.steps.length > 0 ? state.begun.steps : kind.instance?.workflow.steps ?? []).map(opened);
  const { counts, status } = state.live.head;
  const lanes = Object.entries(state.live.lanes);
  const timeline = table(['When', 'Event'], [...state.live.timeline].reverse().map(([at, what]) => [clock(at), what]));
  if (!kind.instance) {
    const total = kind.foreach ? ` of ${kind.foreach.values.length}` : '';
    const ended = `${counts.succeeded} iterations${total} succeeded, ${counts.failed} failed, ${counts.stopped} stopped; ${lanes.length} running.`;
    return [words(state, key), make('p', {}, ended), drawnGraph(defined, lanes[0]?.[1]),
      table(['Iteration', 'Reason'], state.live.failures.map(([lane, why]) => [String(lane), why])), iterations(defined, lanes), timeline];
  }
  const [number, lane] = lanes[0] ?? ['0', { steps: [] }];
  const steps = defined.map((step, place) => {
    const run = lane.steps[place];
    return [step.id, step.sort, { text: run?.status ?? 'NOT_CREATED', tone: tone(run?.status) }, run?.attempt ? String(run.attempt) : '', run?.progress?.[0] ?? '', run?.why ?? ''];
  });
  return [words(state, key), drawnGraph(defined, lane), bars(defined, lane, Date.now()), progress(key, number, defined, lane),
    table(['Step', 'Type', 'Status', 'Attempt', 'Progress', 'Reason'], steps), timeline,
    status === 'CREATED' ? make('p', {}, 'This instance is queued.') : null].filter((part) => part !== null);
}

export function drawWorkflow(state, key) {
  const { active, newest, properties, versions, instances, started, timeline, breakpoints } = state.known;
  const version = versions[active ?? newest];
  const strategy = properties.run_strategy?.rule ?? 'SEQUENTIAL';
  const rows = Object.entries(instances).sort(([a], [b]) => Number(b) - Number(a)).slice(0, INSTANCES_MAX).map(([number, one]) => [
    make('a', { href: `#workflow-runs/${encodeURIComponent(`${key}:${number}`)}` }, `${key}:${number}`),
    { text: one.status, tone: tone(one.status) }, String(one.version), String(one.run), one.initiator?.user ?? one.initiator?.type ?? '',
    clock(one.created), one.ended ? duration(one.ended - one.created) : '', one.why]);
  return [
    make('p', {}, version ? (active ? `Version ${active} is active` : `No active version; the newest is ${newest}`) : 'This workflow was never pushed, or was deleted',
      `. ${started} instances so far, ${strategy}.`, properties.owner ? ` Owned by ${properties.owner}.` : '',
      breakpoints.length > 0 ? ` Pauses at ${breakpoints.join(', ')}.` : ''),
    version ? drawnGraph(version.workflow.steps.map(opened), null) : null,
    make('div', { 'data-testid': 'instances' }, table(['Instance', 'Status', 'Version', 'Run', 'Started by', 'Created', 'Duration', 'Reason'], rows)),
    table(['When', 'Event'], [...timeline].reverse().map(([at, what]) => [clock(at), what])),
  ].filter((part) => part !== null);
}

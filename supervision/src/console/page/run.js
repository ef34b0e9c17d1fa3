// One run of a flow: its status with the reason, its tasks over time, their artifacts, and its lineage.

import { figure, table } from '/charts.js';
import { clock, duration, make, makeSvg } from '/dom.js';
import { lineageGraph } from '/lineage.js';

const TONES = { completed: 'good', failed: 'bad', running: 'running' };
// Upper bounds on blocks read and tasks drawn: a foreach may have ten thousand tasks.
const BLOCKS_MAX = 32;
const TASKS_MAX = 200;
const LEFT = 190;
const WIDTH = 900;
const ROW = 18;

const address = (kind, key) => `#${kind}/${encodeURIComponent(key)}`;

// Tasks of the run's blocks, in order of creation.
async function tasksOf(key, steps, entity) {
  const blocks = [...new Set(Object.values(steps).flatMap((step) => step.blocks))].slice(0, BLOCKS_MAX);
  const held = await Promise.all(blocks.map(async (block) => (await entity('run-tasks', block))?.state));
  const tasks = held.filter(Boolean).flatMap(({ live, beats }) => Object.entries(live.tasks).map(([name, task]) => (
    { name, ...task, beat: beats[name] ?? task.at })));
  return tasks.sort((a, b) => a.at - b.at || a.name.localeCompare(b.name, 'en', { numeric: true }));
}

// The task of the parameters has no attempts, only a record that it is done.
const isDone = (task) => (task.records ?? []).some(({ said }) => said.field === 'attempt-done');
const toneOf = (task, over) => (task.attempt ? (task.attempt[1] ? 'good' : 'bad') : isDone(task) ? 'good' : over ? 'bad' : 'running');

// One row per task, grouped by step; a bar from its creation to its last heartbeat.
function timeline(steps, tasks, from, over) {
  const rows = Object.entries(steps).sort(([, a], [, b]) => a.place - b.place)
    .flatMap(([step]) => tasks.filter((task) => task.step === step).map((task, index) => ({ step: index === 0 ? step : '', task })));
  const until = Math.max(from + 1, ...tasks.map((task) => task.beat));
  const x = (at) => LEFT + (Math.max(0, at - from) / (until - from)) * (WIDTH - LEFT - 70);
  const height = 8 + rows.length * ROW;
  const svg = makeSvg('svg', { class: 'stages timeline', viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height, role: 'img', 'aria-label': 'tasks over time' });
  rows.forEach(({ step, task }, index) => {
    const top = 4 + index * ROW;
    const tone = toneOf(task, over);
    const took = duration(task.beat - task.at);
    svg.append(makeSvg('g', { class: tone, 'data-task': task.name },
      makeSvg('title', {}, `${task.step}/${task.name}, created ${clock(task.at)}, last heartbeat ${clock(task.beat)}`),
      makeSvg('text', { x: 4, y: top + 12, class: 'name' }, step), makeSvg('text', { x: LEFT - 50, y: top + 12, class: 'kind' }, task.name),
      makeSvg('rect', { x: x(task.at), y: top + 2, width: Math.max(3, x(task.beat) - x(task.at)), height: ROW - 6, rx: 3 }),
      makeSvg('text', { x: Math.max(x(task.beat), x(task.at) + 3) + 6, y: top + 12, class: 'status' }, took)));
  });
  return svg;
}

// The artifacts of each task's last attempt; names that begin with an underscore are internal to the client.
function artifacts(tasks) {
  const rows = tasks.flatMap((task) => {
    const last = Math.max(...task.artifacts.map(({ said }) => said.attempt));
    return task.artifacts.filter(({ said }) => said.attempt === last && !said.name.startsWith('_'))
      .map(({ at, said }) => [`${task.step}/${task.name}`, said.name, said.content_type, said.sha.slice(0, 12), clock(at)]);
  });
  return rows.length === 0 ? null : table(['Task', 'Artifact', 'Type', 'Hash', 'When'], rows.slice(0, TASKS_MAX));
}

function logged({ params, metrics, notes }) {
  const rows = [...Object.entries(params).map(([name, value]) => ['parameter', name, value]),
    ...Object.entries(metrics).map(([name, point]) => ['metric', name, `${figure(point.value)} at step ${point.step}`]),
    ...Object.entries(notes).map(([name, value]) => ['tag', name, value])];
  return rows.length === 0 ? null : table(['', 'Name', 'Value'], rows);
}

export async function drawRun(state, key, entity) {
  const { live, beat } = state;
  if (!live.begun) return [make('p', {}, 'This run has not started, or was forgotten in favour of newer runs.')];
  const { flow, number, made, at, silence_ms: silence } = live.begun;
  const silent = live.standing.status === 'running' && Date.now() - beat > silence;
  const status = silent ? 'failed' : live.standing.status;
  const why = live.standing.why || (silent ? `no heartbeat since ${clock(beat)}` : `last sign of life at ${clock(beat)}`);
  const tasks = (await tasksOf(key, live.steps, entity)).slice(0, TASKS_MAX);
  const more = live.tasks > tasks.length ? ` Shows ${tasks.length} of ${live.tasks} tasks.` : '';
  return [
    make('p', { 'data-testid': 'run-status' }, make('strong', { class: TONES[status] ?? '' }, status), `: ${why}. Run ${number} of `,
      make('a', { href: address('flows', flow) }, flow), `, started ${clock(at)}${made.user ? ` by ${made.user}` : ''}.${more} `,
      make('a', { href: address('lineage', `run:${key}`) }, 'Lineage')),
    made.tags.length > 0 ? make('p', { class: 'quiet' }, `Tags: ${made.tags.join(', ')}`) : null,
    tasks.length > 0 ? make('div', { class: 'scroll', 'data-testid': 'timeline' }, timeline(live.steps, tasks, at, status !== 'running')) : null,
    artifacts(tasks), logged(live),
    make('div', { class: 'scroll', 'data-testid': 'lineage' }, await lineageGraph(`run:${key}`, entity)),
  ].filter((part) => part !== null);
}

export function drawFlow(state, key) {
  const { runs, made, title, forgotten } = state.live;
  if (!made) return [make('p', {}, 'This flow does not exist.')];
  const rows = Object.values(runs).sort((a, b) => b.number - a.number).slice(0, TASKS_MAX);
  const link = (run) => make('a', { href: address('runs', `${key}/${run.run}`) }, run.title || run.run);
  return [
    make('p', {}, `${Object.keys(runs).length} runs of ${title ?? key}${forgotten > 0 ? `, ${forgotten} older ones forgotten` : ''}.`),
    table(['Run', 'Status', 'Started by', 'Started', 'Reason'], rows.map((run) => [link(run), { text: run.status, tone: TONES[run.status] ?? '' },
      run.made.user ?? '', clock(run.at), run.why])),
  ];
}

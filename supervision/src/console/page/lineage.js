// Lineage: a node with its sources to the left and its results to the right, one column per step.

import { make, makeSvg } from '/dom.js';

const DEPTH = 3;
const NODES_MAX = 60;
const WIDTH = 210;
const HEIGHT = 40;
const GAP_X = 40;
const GAP_Y = 10;

const short = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

// The entity that a node stands for, if the console can draw it.
function behind(node) {
  const rest = node.slice(node.indexOf(':') + 1);
  if (node.startsWith('run:')) return ['runs', rest];
  if (node.startsWith('deployment:')) return ['deployments', rest];
  if (node.startsWith('workflow:')) return ['workflow-runs', rest];
  if (node.startsWith('model:')) return ['models', rest.slice(0, rest.lastIndexOf('@'))];
  return ['lineage', node];
}

async function walked(node, entity) {
  const columns = new Map([[node, 0]]);
  const edges = new Map();
  let dropped = 0;
  for (const side of ['from', 'to']) {
    let border = [node];
    for (let step = 1; step <= DEPTH && border.length > 0; step += 1) {
      const held = await Promise.all(border.map(async (name) => [name, (await entity('lineage', name))?.state]));
      border = [];
      for (const [name, state] of held) {
        dropped += state?.dropped ?? 0;
        for (const link of state?.[side] ?? []) {
          if (!columns.has(link.node)) {
            if (columns.size >= NODES_MAX) continue;
            columns.set(link.node, side === 'from' ? -step : step);
            border.push(link.node);
          }
          const [from, to] = side === 'from' ? [link.node, name] : [name, link.node];
          edges.set(`${from} ${to}`, { from, to, how: link.how });
        }
      }
    }
  }
  return { columns, edges: [...edges.values()], dropped };
}

export async function lineageGraph(node, entity) {
  const { columns, edges, dropped } = await walked(node, entity);
  if (columns.size === 1) return make('p', { class: 'quiet' }, 'No lineage is recorded for this node.');
  const first = Math.min(...columns.values());
  const rows = new Map();
  const place = new Map([...columns].map(([name, column]) => {
    const row = rows.get(column) ?? 0;
    rows.set(column, row + 1);
    return [name, { left: 4 + (column - first) * (WIDTH + GAP_X), top: 4 + row * (HEIGHT + GAP_Y) }];
  }));
  const width = 8 + (Math.max(...columns.values()) - first + 1) * (WIDTH + GAP_X) - GAP_X;
  const height = 8 + Math.max(...rows.values()) * (HEIGHT + GAP_Y) - GAP_Y;
  const svg = makeSvg('svg', { class: 'stages', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': `lineage of ${node}` });
  for (const { from, to, how } of edges) {
    const [a, b] = [place.get(from), place.get(to)];
    const [x1, y1, x2, y2] = [a.left + WIDTH, a.top + HEIGHT / 2, b.left, b.top + HEIGHT / 2];
    svg.append(makeSvg('path', { class: 'edge', d: `M${x1},${y1} C${x1 + GAP_X / 2},${y1} ${x2 - GAP_X / 2},${y2} ${x2},${y2}` },
      makeSvg('title', {}, `${from} ${how} ${to}`)));
  }
  for (const [name, { left, top }] of place) {
    const [kind, key] = behind(name);
    const cut = name.indexOf(':');
    const link = makeSvg('a', { href: `#${kind}/${encodeURIComponent(key)}` },
      makeSvg('title', {}, name), makeSvg('rect', { width: WIDTH, height: HEIGHT, rx: 6 }),
      makeSvg('text', { x: 10, y: 16, class: 'name' }, name.slice(0, cut)),
      makeSvg('text', { x: 10, y: 31, class: 'kind' }, short(name.slice(cut + 1), 32)));
    svg.append(makeSvg('g', { class: name === node ? 'running' : '', 'data-node': name, transform: `translate(${left},${top})` }, link));
  }
  const more = dropped > 0 ? make('p', { class: 'quiet' }, `${dropped} edges were dropped at the limit of a node.`) : null;
  return make('div', {}, svg, more);
}

export async function drawLineage(_, key, entity) {
  const [kind, name] = behind(key);
  return [
    make('p', {}, `The sources and results of ${key}. `, kind === 'lineage' ? null
      : make('a', { href: `#${kind}/${encodeURIComponent(name)}` }, 'Show the entity')),
    make('div', { class: 'scroll', 'data-testid': 'lineage' }, await lineageGraph(key, entity)),
  ];
}

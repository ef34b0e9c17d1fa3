// One card per configured node.

import { byId, bytes, duration, facts, make, makeSvg, micros, reconcile, setClass, setText, whole } from '/dom.js';

// Length of a sparkline, in snapshots.
const POINTS = 90;
const history = new Map();
let names = new Map();

export const nodeName = (node) => names.get(node) ?? `node ${node}`;

export function showNodes(cluster) {
  names = new Map(cluster.nodes.map(({ node, name }) => [node, name]));
  const rtts = roundTrips(cluster);
  const rates = new Map(cluster.rates.map((rate) => [rate.node, rate]));
  reconcile(byId('nodes'), cluster.nodes, (node) => node.node, create,
    (card, node) => update(card, node, cluster, rates.get(node.node), rtts.get(node.node)));
}

// Round trips as measured by the node that serves this page; it has no entry for itself.
function roundTrips({ nodes, here }) {
  const peers = nodes.find((node) => node.node === here)?.view?.peers ?? [];
  return new Map(peers.map((peer) => [peer.node, peer]));
}

function create() {
  const spark = makeSvg('svg', { class: 'spark', viewBox: `0 0 ${POINTS - 1} 40`, preserveAspectRatio: 'none', role: 'img' },
    makeSvg('polygon'), makeSvg('polyline'));
  return make('article', { 'data-testid': 'node-card' },
    make('div', { class: 'title' }, make('strong'), make('span', { class: 'quiet address' }), make('span', { class: 'state' })),
    make('div', { class: 'why' }), make('dl', { class: 'facts' }), spark);
}

function update(card, node, cluster, rate, peer) {
  const { view, unseen } = node;
  setClass(card, view ? 'node' : 'node down');
  setText(card.querySelector('strong'), node.name);
  setText(card.querySelector('.address'), node.gateway);
  setText(card.querySelector('.state'), view ? 'up' : 'not seen');
  setText(card.querySelector('.why'), unseen?.reason ?? '');
  facts(card.querySelector('.facts'), view ? shown(view, cluster, rate, peer) : []);
  draw(card.querySelector('.spark'), node.node, view ? rate?.commands ?? null : 0);
}

function shown(view, cluster, rate, peer) {
  const leads = view.shards.filter((shard) => shard.role === 'leader').length;
  const entities = view.shards.filter((shard) => shard.role === 'leader').reduce((sum, shard) => sum + shard.entities, 0);
  return [
    ['uptime', duration(cluster.at - view.started)],
    ['memory', bytes(view.memory_bytes)],
    ['leads', `${leads} of ${view.shards.length}`],
    ['entities', whole(entities)],
    ['round trip', view.node === cluster.here ? 'here' : peer?.rtt_us == null ? 'unknown' : micros(peer.rtt_us)],
    ['commands', rate ? `${whole(rate.commands)}/s` : '…'],
    ['queries', rate ? `${whole(rate.queries)}/s` : '…'],
    ['cpu time', duration(view.cpu_ms)],
    // Last, because it is long: it takes the rest of the row.
    ['incarnation', view.incarnation],
  ];
}

function draw(svg, node, value) {
  const points = history.get(node) ?? [];
  if (value !== null) points.push(value);
  if (points.length > POINTS) points.shift();
  history.set(node, points);
  const top = Math.max(1, ...points) * 1.1;
  const first = POINTS - points.length;
  const line = points.map((point, index) => `${first + index},${(39 - (point / top) * 38).toFixed(2)}`);
  svg.querySelector('polyline').setAttribute('points', line.join(' '));
  const area = line.length === 0 ? '' : `${first},40 ${line.join(' ')} ${POINTS - 1},40`;
  svg.querySelector('polygon').setAttribute('points', area);
  svg.setAttribute('aria-label', `commands per second, now ${Math.round(points.at(-1) ?? 0)}`);
}

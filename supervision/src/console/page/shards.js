// The shard map: one row per shard, one column per node.

import { byId, bytes, facts, make, reconcile, setClass, setText, whole } from '/dom.js';

// The selected replica. Until the user selects one: the first replica in trouble, else the first.
let chosen = null;
let latest = null;

export function showShards(cluster) {
  latest = cluster;
  const map = byId('shard-map');
  map.style.setProperty('--nodes', cluster.nodes.length);
  const numbers = new Set(cluster.nodes.flatMap((node) => (node.view?.shards ?? []).map((shard) => shard.shard)));
  const rows = ['head', ...[...numbers].sort((a, b) => a - b)];
  reconcile(map, rows, (row) => row, (row) => make('div', { class: row === 'head' ? 'row head' : 'row' }),
    (element, row) => (row === 'head' ? head(element, cluster.nodes) : line(element, row, cluster)));
  showDetail();
}

function head(element, nodes) {
  reconcile(element, [{ node: 0, name: '' }, ...nodes], (node) => node.node, () => make('span'),
    (cell, node) => setText(cell, node.name));
}

function line(element, shard, cluster) {
  const columns = [{ node: 0 }, ...cluster.nodes];
  reconcile(element, columns, (column) => column.node,
    (column) => (column.node === 0 ? make('span', { class: 'quiet' }) : button(column.node, shard)),
    (cell, column) => (column.node === 0 ? setText(cell, name(shard)) : paint(cell, column, shard)));
}

function button(node, shard) {
  const choose = () => { chosen = { node, shard }; showShards(latest); };
  return make('button', { type: 'button', onmouseenter: choose, onfocus: choose, onclick: choose });
}

function paint(cell, node, shard) {
  const replica = find(node, shard);
  const role = node.view ? replica?.role ?? 'none' : 'unseen';
  const here = chosen && chosen.node === node.node && chosen.shard === shard;
  setClass(cell, ['cell', role, replica?.trouble ? 'trouble' : '', here ? 'chosen' : ''].join(' ').trim());
  const label = `${name(shard)} on ${node.name}: ${role}`;
  if (cell.getAttribute('aria-label') !== label) cell.setAttribute('aria-label', label);
}

function showDetail() {
  const cluster = latest;
  if (!chosen) {
    const first = cluster.nodes.find((node) => node.view?.shards.length > 0);
    if (!first) return;
    const trouble = cluster.nodes.flatMap((node) => (node.view?.shards ?? []).filter((s) => s.trouble).map((s) => [node, s]))[0];
    const [node, replica] = trouble ?? [first, first.view.shards[0]];
    chosen = { node: node.node, shard: replica.shard };
    showShards(cluster);
    return;
  }
  const node = cluster.nodes.find((one) => one.node === chosen.node);
  const replica = node && find(node, chosen.shard);
  const title = ['replica', `${name(chosen.shard)} on ${node?.name ?? chosen.node}`];
  facts(byId('shard-detail'), replica ? [title, ...detail(replica, cluster)] : [title, ['role', node?.view ? 'none' : 'not seen']]);
}

function detail(replica, cluster) {
  const leader = cluster.nodes.find((node) => node.node === replica.leader)?.name ?? 'unknown';
  const ahead = Math.max(replica.committed, ...cluster.nodes.map((node) => find(node, replica.shard)?.committed ?? 0));
  const rate = cluster.rates.find((node) => node.node === chosen.node)?.shards.find((one) => one.shard === replica.shard);
  return [
    ['role', replica.role], ['leader', leader], ['term', replica.term],
    ['applied', whole(replica.applied)], ['lag', whole(Math.max(0, ahead - replica.applied))],
    ['checkpoint', whole(replica.checkpointed)], ['mailbox', replica.mailbox], ['outbox', replica.outbox],
    ['entities', `${whole(replica.entities)}, ${bytes(replica.entity_bytes)}`],
    ['commands', rate ? `${whole(rate.commands)}/s` : '…'], ['queries', rate ? `${whole(rate.queries)}/s` : '…'],
    ['faults', replica.faults_total], ['starts', replica.starts],
    ...(replica.trouble ? [['trouble', replica.trouble]] : []),
  ];
}

const find = (node, shard) => node.view?.shards.find((one) => one.shard === shard);
const name = (shard) => (shard === 0 ? 'control' : `shard ${shard}`);

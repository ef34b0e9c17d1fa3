// The newest lifecycle records of all nodes.

import { byId, clock, make, reconcile, setText } from '/dom.js';
import { nodeName } from '/nodes.js';

const BAD = new Set(['failed', 'fault', 'gave_up', 'given_up', 'escalated', 'peer_down']);
const GOOD = new Set(['became_leader', 'peer_up', 'started']);

export function showJournal(journal) {
  const missing = journal.missing.map(nodeName).join(', ');
  setText(byId('journal-missing'), missing ? `without ${missing}` : '');
  // Several records may have the same fields; a count makes their keys unique.
  const seen = new Map();
  const records = journal.records.map((record) => {
    const key = [record.at, record.node, record.subject, record.change].join(' ');
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return { ...record, key: `${key} ${seen.get(key)}` };
  });
  reconcile(byId('journal').tBodies[0], records, (record) => record.key, row, (element, record) => {
    const tone = BAD.has(record.change) ? 'bad' : GOOD.has(record.change) ? 'good' : '';
    const texts = [clock(record.at), nodeName(record.node), record.subject, record.change.replaceAll('_', ' '), record.reason];
    texts.forEach((text, index) => setText(element.cells[index], text));
    element.cells[3].className = tone;
  });
}

function row() {
  return make('tr', {}, make('td', { class: 'at' }), make('td'), make('td'), make('td'), make('td'));
}

// Reads the stream and passes each snapshot to the parts of the page.

import { byId, clock, make, reconcile, setClass, setText } from '/dom.js';
import { listenForEntity, lookAgain, showEntityFacts } from '/entity.js';
import { listenForJudges } from '/judges.js';
import { showJournal } from '/journal.js';
import { showNodes } from '/nodes.js';
import { showShards } from '/shards.js';
import { showTree } from '/tree.js';

// A stream without a snapshot for this long counts as lost.
const SILENT_MS = 8000;

let last = 0;
let source = null;

function show(snapshot) {
  const { cluster, tree, journal } = snapshot;
  showHealth(cluster);
  showNodes(cluster);
  showShards(cluster);
  showTree(tree, cluster.at);
  showJournal(journal);
  showEntityFacts();
}

function showHealth({ health, here, at, nodes }) {
  setClass(byId('health'), health.level);
  setText(byId('health-words'), health.words);
  const name = nodes.find((node) => node.node === here)?.name ?? here;
  setText(byId('here'), `seen from ${name} at ${clock(at)}`);
  byId('problems').hidden = health.problems.length === 0;
  reconcile(byId('problems'), health.problems.map((text, index) => [index, text]), ([index]) => index,
    () => make('li'), (element, [, text]) => setText(element, text));
  document.title = health.level === 'ok' ? 'Troupe' : `Troupe: ${health.level}`;
}

function connect() {
  source?.close();
  source = new EventSource('/api/stream');
  source.addEventListener('snapshot', (event) => {
    last = Date.now();
    byId('banner').hidden = true;
    show(JSON.parse(event.data));
  });
  source.addEventListener('error', lost);
}

function lost() {
  setText(byId('banner-at'), last === 0 ? 'no snapshot yet' : clock(last));
  byId('banner').hidden = false;
}

// The browser reconnects after a closed connection, but not after an error answer or when packets stop arriving.
setInterval(() => {
  if (source.readyState === EventSource.CLOSED || (last > 0 && Date.now() - last > SILENT_MS)) {
    lost();
    last = last > 0 ? Date.now() : 0;
    connect();
  }
}, 2000);

listenForEntity();
listenForJudges(lookAgain);
connect();

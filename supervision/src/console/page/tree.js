// The supervision trees of all nodes; large branches without problems are folded.

import { byId, duration, make, reconcile, setClass, setText } from '/dom.js';

// A branch with more children is folded initially, unless one of them is not running.
const OPEN_MAX = 8;

export function showTree(trees, now) {
  reconcile(byId('tree'), trees, (tree) => tree.node, (tree) => fold(true, tree.name), (element, tree) => {
    const root = { name: tree.name, state: tree.view ? 'running' : 'unseen', children: tree.view ? nest(tree.view.actors) : [] };
    branch(element, { ...root, last_reason: tree.unseen?.reason }, now);
  });
}

// Parents come before children in the list; a path's parent is the path without its last name.
function nest(actors) {
  const known = new Map();
  const roots = [];
  for (const actor of actors) {
    const cut = actor.path.lastIndexOf('/');
    const node = { ...actor, name: actor.path.slice(cut + 1), children: [] };
    known.set(actor.path, node);
    const parent = cut < 0 ? null : known.get(actor.path.slice(0, cut));
    (parent ? parent.children : roots).push(node);
  }
  for (const node of known.values()) node.children.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  return roots;
}

const well = (node) => node.state === 'running' && node.children.every(well);

function label(element) {
  return element.tagName === 'DETAILS' ? element.firstElementChild : element;
}

function words() {
  return [make('span', { class: 'dot' }), make('span', { class: 'name' }), make('span', { class: 'quiet' }), make('span', { class: 'why' })];
}

function fold(open) {
  return make('details', open ? { open: '' } : {}, make('summary', {}, ...words()), make('div'));
}

function create(node) {
  if (node.children.length === 0) return make('div', {}, ...words());
  return fold(node.children.length <= OPEN_MAX || !node.children.every(well));
}

function branch(element, node, now) {
  const line = label(element);
  setClass(line, `${element.tagName === 'DETAILS' ? '' : 'leaf '}${node.state}`.trim());
  setText(line.querySelector('.name'), node.name);
  const facts = [];
  if (node.state !== 'running') facts.push(node.state === 'unseen' ? 'not seen' : node.state.replace('_', ' '));
  if (node.children.length > 0) facts.push(`${node.children.length} below`);
  if (node.restarts > 0) facts.push(`restarted ${node.restarts}×, ${node.left} left`);
  if (node.since) facts.push(`for ${duration(now - node.since)}`);
  setText(line.querySelector('.quiet'), facts.join(' · '));
  setText(line.querySelector('.why'), node.last_reason ?? '');
  if (element.tagName !== 'DETAILS') return;
  // The key contains the kind of element: an actor that gets children becomes a foldable branch.
  reconcile(element.lastElementChild, node.children, (child) => `${child.children.length > 0 ? '+' : '-'}${child.path}`, create,
    (below, child) => branch(below, child, now));
}

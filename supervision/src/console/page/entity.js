// Shows one entity by kind and key. The page's URL contains both, so that the link can be shared.

import { byId, bytes, clock, facts, make, micros, setText } from '/dom.js';
import { draw, isDrawn } from '/judges.js';
import { nodeName } from '/nodes.js';

const KEYS_MAX = 20;
// Columns of the table of messages.
const COLUMNS = 6;

export function listenForEntity() {
  const form = byId('entity-form');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const { kind, key } = wanted(form);
    history.replaceState(null, '', `#${encodeURIComponent(kind)}/${encodeURIComponent(key)}`);
    look(kind, key);
  });
  form.elements.key.addEventListener('input', () => suggest(wanted(form)));
  form.elements.key.addEventListener('focus', () => suggest(wanted(form)));
  addEventListener('hashchange', () => fromHash(form));
  fromHash(form);
}

const wanted = (form) => ({ kind: form.elements.kind.value.trim(), key: form.elements.key.value });

function fromHash(form) {
  const cut = location.hash.indexOf('/');
  if (cut < 0) return;
  try {
    form.elements.kind.value = decodeURIComponent(location.hash.slice(1, cut));
    form.elements.key.value = decodeURIComponent(location.hash.slice(cut + 1));
  } catch {
    return;
  }
  const { kind, key } = wanted(form);
  if (kind && key) look(kind, key);
}

async function fetchJson(path) {
  const answer = await fetch(path);
  const body = await answer.text().then((text) => JSON.parse(text, exact)).catch(() => null);
  if (!answer.ok) throw new Error(body?.detail ?? `the node answered ${answer.status}`);
  return body;
}

// An integer above 2^53 keeps its original digits: rounding would turn one id into another.
function exact(_, value, context) {
  const rounded = typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '');
  return rounded && JSON.rawJSON ? JSON.rawJSON(context.source) : value;
}

// Numbers the requests: only the answer to the newest one is shown, even if answers arrive out of order.
let newest = 0;

async function look(kind, key) {
  newest += 1;
  const mine = newest;
  // The slashes of a key are part of the route.
  const path = key.split('/').map(encodeURIComponent).join('/');
  try {
    const entity = await fetchJson(`/api/entity/${encodeURIComponent(kind)}/${path}`);
    if (mine !== newest) return;
    show(entity);
    setText(byId('entity-error'), '');
    byId('entity').hidden = false;
  } catch (error) {
    if (mine !== newest) return;
    setText(byId('entity-error'), error.message);
    byId('entity').hidden = true;
  }
}

// Refreshes an entity that is drawn, because its charts change over time.
export function lookAgain() {
  if (shown && isDrawn(shown.address.kind)) look(shown.address.kind, shown.address.key);
}

// The entity that is shown. The node's name may become known later, so the facts are drawn again.
let shown = null;

export function showEntityFacts() {
  const entity = shown;
  if (!entity) return;
  facts(byId('entity-facts'), [
    ['entity', `${entity.address.kind}/${entity.address.key}`],
    ['shard', entity.shard], ['node', nodeName(entity.node)], ['role', entity.role], ['term', entity.term],
    ['bytes', bytes(entity.bytes)], ['faults', entity.given_up ? `${entity.faults}, given up` : entity.faults],
    ['resident', entity.resident ? 'yes' : 'loaded for this request'],
  ]);
}

function show(entity) {
  shown = entity;
  showEntityFacts();
  draw(entity.address.kind, entity.address.key, entity.state);
  setText(byId('entity-state'), JSON.stringify(entity.state, null, 2));
  const messages = entity.recent.map((message) => make('tr', {},
    make('td', { class: 'at' }, clock(message.at)), make('td', {}, message.verb), make('td', {}, message.caller),
    make('td', { class: 'n' }, message.took_us ? micros(message.took_us) : ''), make('td', { class: 'n' }, message.events),
    make('td', { class: 'bad' }, message.error ?? '')));
  const none = make('tr', {}, make('td', { class: 'empty', colspan: COLUMNS }, 'No messages among the recent ones of the shard.'));
  byId('entity-messages').tBodies[0].replaceChildren(...(messages.length > 0 ? messages : [none]));
}

let asked = '';

async function suggest({ kind, key }) {
  const query = `/api/keys/${encodeURIComponent(kind)}?prefix=${encodeURIComponent(key)}&limit=${KEYS_MAX}`;
  if (!kind || query === asked) return;
  asked = query;
  try {
    const { keys } = await fetchJson(query);
    if (query === asked) byId('entity-keys').replaceChildren(...keys.map((value) => make('option', { value })));
  } catch {
    // Suggestions are optional: the request for the entity shows the error.
    byId('entity-keys').replaceChildren();
  }
}

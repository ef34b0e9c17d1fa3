// A monitor: drift of each feature and its threshold, alarms and silences.

import { chart, figure, framed, table } from '/charts.js';
import { clock, make } from '/dom.js';

export function drawMonitor(state) {
  const { spec, windows, alarms, silences } = state;
  const phase = typeof state.phase === 'string' ? state.phase : Object.keys(state.phase)[0];
  const words = phase === 'failed' ? state.phase.failed : `${phase}, ${state.observed.toLocaleString('en')} rows`;
  const x = windows.map((window) => window.end);
  const spans = silences.map(({ from, until, feature, reason }) => ({ from, to: until, feature, words: `silence: ${reason}` }));
  const of = (what) => alarms.filter((alarm) => alarm.what === what)
    .map((alarm) => ({ x: alarm.at, tone: alarm.fired ? 'bad' : 'good', words: `${alarm.fired ? 'fired' : 'resolved'} ${clock(alarm.at)}: ${alarm.why}` }));
  const firing = (what) => alarms.find((alarm) => alarm.what === what)?.fired === true;
  const features = spec.features.map(({ name }, index) => {
    const each = windows.map((window) => window.features[index]);
    const newest = each.at(-1);
    const said = newest?.psi === null || newest === undefined ? 'no window yet' : `PSI ${figure(newest.psi)}, threshold ${figure(newest.threshold)}`;
    return framed(name, said, firing(name) ? 'bad' : 'quiet', chart({
      label: `PSI of ${name}`, x, zero: true, marks: of(name), spans: spans.filter(({ feature }) => !feature || feature === name),
      lines: [{ values: each.map((one) => one.psi) }, { values: each.map((one) => one.threshold || null), tone: 'threshold' },
        { values: each.map((one) => (one.drifts || one.unmet ? one.psi : null)), tone: 'bad' }],
    }));
  });
  const others = [['error', 'errors'], ['accuracy', 'accuracy'], ['estimated_accuracy', 'estimated_accuracy']]
    .filter(([field]) => windows.some((window) => window[field] !== null))
    .map(([field, what]) => framed(what.replace('_', ' '), figure(windows.at(-1)[field]), firing(what) ? 'bad' : 'quiet', chart({
      label: what, x, marks: of(what), lines: [{ values: windows.map((window) => window[field]) }],
    })));
  const rows = alarms.slice(0, 50).map((alarm) => [clock(alarm.at), alarm.what,
    { text: alarm.fired ? 'fired' : 'resolved', tone: alarm.fired ? 'bad' : 'good' }, clock(alarm.since), alarm.why]);
  return [
    make('p', {}, `${spec.subject || 'a monitor'}: `, make('strong', { class: phase === 'failed' ? 'bad' : '' }, words)),
    make('div', { class: 'figures' }, ...features, ...others),
    make('h3', {}, 'Alarms'), rows.length > 0 ? table(['At', 'Subject', 'State', 'Since', 'Reason'], rows) : make('p', { class: 'quiet' }, 'None.'),
  ];
}

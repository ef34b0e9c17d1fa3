// A canary analysis: the score of each look, and each metric with the samples of baseline and canary.

import { chart, figure, framed } from '/charts.js';
import { make } from '/dom.js';

const TONES = { Pass: 'good', High: 'bad', Low: 'bad', Error: 'bad', NodataFailMetric: 'bad' };

export function drawCanary(state) {
  const { looks, verdict } = state;
  const last = looks.at(-1);
  const drawn = [make('p', {}, make('strong', { class: verdict?.passed === false ? 'bad' : verdict ? 'good' : '' },
    verdict ? `${verdict.passed ? 'passed' : 'failed'}: ${verdict.words}` : `${looks.length} looks, still running`))];
  if (looks.length > 0) {
    drawn.push(make('div', { class: 'figures' }, framed('score', figure(last.score), 'quiet', chart({
      label: 'score of each look', x: looks.map((look) => look.at), zero: true,
      lines: [{ values: looks.map((look) => look.score) }, { values: looks.map(() => state.thresholds.pass), tone: 'threshold' },
        { values: looks.map(() => state.thresholds.marginal), tone: 'threshold' }],
    }))));
  }
  const metrics = (last?.metrics ?? []).map((metric) => {
    const length = Math.max(metric.control.length, metric.experiment.length);
    const x = Array.from({ length }, (_, index) => index);
    const padded = (values) => x.map((index) => values[index] ?? null);
    return framed(metric.name, `${metric.classification}${metric.ratio === null ? '' : `, ratio ${figure(metric.ratio)}`}${metric.reason ? `: ${metric.reason}` : ''}`,
      TONES[metric.classification] ?? 'quiet', chart({
        label: `${metric.name}, baseline and canary`, x, ticks: (point) => `point ${point + 1}`,
        lines: [{ values: padded(metric.control), tone: 'baseline' }, { values: padded(metric.experiment), tone: 'canary' }],
      }));
  });
  return [...drawn, make('div', { class: 'legend' }, make('span', {}, make('i', { class: 'key baseline' }), 'baseline'), make('span', {}, make('i', { class: 'key canary' }), 'canary')),
    make('div', { class: 'figures' }, ...metrics)];
}

// An experiment: its arms, and where each effect lies at each look, with the look that decided.

import { chart, figure, framed, table } from '/charts.js';
import { clock, make } from '/dom.js';

const TONES = { better: 'good', worse: 'bad' };
const percent = (share) => (share === null || share === undefined ? '–' : `${(share * 100).toFixed(2)} %`);
const range = ([low, high]) => `${percent(low)} to ${percent(high)}`;

export function drawOutcome(state) {
  const { looks, decided, arms, mixed } = state;
  const last = looks.at(-1);
  const members = arms.map((arm) => `${arm.variation}: ${arm.members.toLocaleString('en')}`).join(', ') || 'nobody yet';
  const marks = decided ? [{ x: decided.at, tone: 'decided', words: decided.words }] : [];
  const x = looks.map((look) => look.at);
  const series = (last?.measured ?? []).map(({ metric, variation }) => {
    const each = looks.map((look) => look.measured.find((one) => one.metric === metric && one.variation === variation) ?? {});
    const newest = each.at(-1);
    const words = newest.interval ? `${percent(newest.effect)} in ${range(newest.interval)}` : newest.why;
    return framed(`${metric}, ${variation}`, words, TONES[newest.verdict] ?? 'quiet', chart({
      label: `effect on ${metric} in ${variation}`, x, marks, zero: true, format: percent,
      bands: [{ low: each.map((one) => one.interval?.[0] ?? null), high: each.map((one) => one.interval?.[1] ?? null) }],
      lines: [{ values: each.map((one) => one.effect ?? null) }],
    }));
  });
  const rows = (last?.measured ?? []).map((one) => [one.metric, one.variation, one.n, one.baseline, one.value, percent(one.effect),
    one.interval ? range(one.interval) : one.why, one.p, { text: one.verdict, tone: TONES[one.verdict] }]);
  return [
    make('p', {}, `Members: ${members}. In two variations, and so in none: ${mixed}.`),
    make('p', {}, decided
      ? make('strong', { class: decided.verdict === 'winner' ? 'good' : 'bad' }, `${decided.verdict}, decided ${clock(decided.at)}: ${decided.words}`)
      : last?.words ?? 'No look was taken yet.'),
    make('p', { class: 'quiet' }, `${state.looked} looks. That arms of this size come from their weights has p ${figure(last?.imbalance_p)}.`),
    make('div', { class: 'figures' }, ...series),
    rows.length > 0 ? table(['Metric', 'Variation', 'n', 'First', 'Here', 'Effect', 'Interval', 'p', ''], rows) : null,
  ].filter((part) => part !== null);
}

export function drawExperiment(state, outcome) {
  const { spec, later } = state;
  const arms = (spec?.variations ?? []).map((variation, index) => [variation.name, variation.version ?? 'champion', spec.weights?.[index] ?? 1 / spec.variations.length]);
  const drawn = [make('p', {}, `${state.state}, model ${spec?.model ?? '–'}, ${percent(spec?.coverage)} of members take part.`)];
  if (arms.length > 0) drawn.push(table(['Variation', 'Version', 'Weight'], arms));
  if (later?.conclusion) drawn.push(make('p', {}, make('strong', {}, `${later.conclusion.verdict}: ${later.conclusion.words}`)));
  return outcome ? [...drawn, ...drawOutcome(outcome)] : drawn;
}

// An experiment: its arms, the interval of each effect at each look, and the look that decided.

import { chart, figure, framed, table } from '/charts.js';
import { clock, make } from '/dom.js';

const TONES = { better: 'good', worse: 'bad' };
const percent = (share) => (share === null || share === undefined ? '–' : `${(share * 100).toFixed(2)} %`);
const signed = (number) => (number === null || number === undefined ? '–' : `${number > 0 ? '+' : ''}${figure(number)}`);
const range = ([low, high], format) => `${format(low)} to ${format(high)}`;

// An effect is shown relative to the first variation if a relative interval exists, else in the metric's own unit.
const relative = { of: (one) => one.effect, within: (one) => one.interval, format: percent };
const absolute = { of: (one) => one.difference, within: (one) => one.difference_interval, format: signed };
const shownBy = (one) => (one.interval || !one.difference_interval ? relative : absolute);

export function drawOutcome(state) {
  const { looks, decided, arms, mixed } = state;
  const last = looks.at(-1);
  const members = arms.map((arm) => `${arm.variation}: ${arm.members.toLocaleString('en')}`).join(', ') || 'none yet';
  const marks = decided ? [{ x: decided.at, tone: 'decided', words: decided.words }] : [];
  const x = looks.map((look) => look.at);
  const series = (last?.measured ?? []).map(({ metric, variation }) => {
    const each = looks.map((look) => look.measured.find((one) => one.metric === metric && one.variation === variation) ?? {});
    const newest = each.at(-1);
    const { of, within, format } = shownBy(newest);
    const words = within(newest) ? `${format(of(newest))} in ${range(within(newest), format)}` : newest.why;
    return framed(`${metric}, ${variation}`, words, TONES[newest.verdict] ?? 'quiet', chart({
      label: `effect on ${metric} in ${variation}`, x, marks, zero: true, format,
      bands: [{ low: each.map((one) => within(one)?.[0] ?? null), high: each.map((one) => within(one)?.[1] ?? null) }],
      lines: [{ values: each.map((one) => of(one) ?? null) }],
    }));
  });
  const both = (one, { of, within, format }) => (within(one) ? `${format(of(one))} (${range(within(one), format)})` : format(of(one)));
  const rows = (last?.measured ?? []).map((one) => [one.metric, one.variation, one.n, one.baseline, one.value, both(one, absolute),
    both(one, relative), one.p, { text: one.verdict, tone: TONES[one.verdict] }, one.why]);
  return [
    make('p', {}, `Members: ${members}. Excluded, because seen in two variations: ${mixed}.`),
    make('p', {}, decided
      ? make('strong', { class: decided.verdict === 'winner' ? 'good' : 'bad' }, `${decided.verdict}, decided ${clock(decided.at)}: ${decided.words}`)
      : last?.words ?? 'No look yet.'),
    make('p', { class: 'quiet' }, `${state.looked} looks. Sample ratio mismatch: p ${figure(last?.imbalance_p)}.`),
    make('div', { class: 'figures' }, ...series),
    rows.length > 0 ? table(['Metric', 'Variation', 'n', 'Baseline', 'Value', 'Difference', 'Relative', 'p', 'Verdict', 'Reason'], rows) : null,
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

// Charts of numbers over time as SVG: lines, bands, thresholds, marks and spans.

import { clock, make, makeSvg } from '/dom.js';

const WIDTH = 460;
const HEIGHT = 120;
const LEFT = 52;
const BOTTOM = 18;
const TOP = 8;

export const figure = (number, digits = 3) => (number === null || number === undefined ? '–'
  : Math.abs(number) >= 1e5 || (number !== 0 && Math.abs(number) < 1e-3) ? number.toExponential(1)
    : String(Number(number.toPrecision(digits))));

// `x`: one for each value. `lines`: [{ values, tone }], `bands`: [{ low, high, tone }], `marks`: [{ x, tone, words }],
// `spans`: [{ from, to, words }]. A null is a gap. `label` describes the chart for screen readers.
export function chart({ label, x, lines = [], bands = [], marks = [], spans = [], zero = false, format = figure, ticks = clock }) {
  const svg = makeSvg('svg', { class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': label });
  const values = [...lines.flatMap((line) => line.values), ...bands.flatMap((band) => [...band.low, ...band.high])]
    .filter((value) => Number.isFinite(value));
  if (x.length === 0 || values.length === 0) {
    svg.append(makeSvg('text', { x: LEFT, y: HEIGHT / 2, class: 'none' }, 'no data yet'));
    return svg;
  }
  let [low, high] = [Math.min(...values, ...(zero ? [0] : [])), Math.max(...values, ...(zero ? [0] : []))];
  // The first looks of a band are very wide. The range is limited to a few widths of the newest band, so that it stays visible.
  const newest = bands.map((band) => [band.low.findLast(Number.isFinite), band.high.findLast(Number.isFinite)]).find(([from]) => from !== undefined);
  if (newest && newest[1] > newest[0]) {
    const width = newest[1] - newest[0];
    [low, high] = [Math.max(low, Math.min(newest[0], zero ? 0 : newest[0]) - 2 * width), Math.min(high, Math.max(newest[1], zero ? 0 : newest[1]) + 2 * width)];
  }
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  const [first, last] = [x[0], x.at(-1)];
  const left = (at) => LEFT + (last === first ? 0.5 : (Math.min(Math.max(at, first), last) - first) / (last - first)) * (WIDTH - LEFT - 8);
  const top = (value) => TOP + (high - Math.min(Math.max(value, low), high)) / (high - low) * (HEIGHT - TOP - BOTTOM);
  for (const span of spans.filter(({ from, to }) => to > first && from < last)) {
    svg.append(makeSvg('rect', { class: 'span', x: left(span.from), y: TOP, width: Math.max(2, left(span.to) - left(span.from)), height: HEIGHT - TOP - BOTTOM },
      makeSvg('title', {}, span.words ?? '')));
  }
  for (const value of [low, high]) {
    svg.append(makeSvg('text', { x: LEFT - 6, y: top(value) + 4, class: 'tick end' }, format(value)));
  }
  svg.append(makeSvg('text', { x: LEFT, y: HEIGHT - 4, class: 'tick' }, ticks(first)),
    makeSvg('text', { x: WIDTH - 8, y: HEIGHT - 4, class: 'tick end' }, ticks(last)));
  if (zero) svg.append(makeSvg('line', { class: 'zero', x1: LEFT, x2: WIDTH - 8, y1: top(0), y2: top(0) }));
  const at = (value, index) => `${left(x[index]).toFixed(1)},${top(value).toFixed(1)}`;
  for (const band of bands) {
    for (const run of runs(band.low.map((value, index) => Number.isFinite(value) && Number.isFinite(band.high[index])))) {
      const points = [...run.map((index) => at(band.high[index], index)), ...run.toReversed().map((index) => at(band.low[index], index))];
      svg.append(makeSvg('polygon', { class: `band ${band.tone ?? ''}`, points: points.join(' ') }));
    }
  }
  for (const line of lines) {
    for (const run of runs(line.values.map(Number.isFinite))) {
      const points = run.map((index) => at(line.values[index], index)).join(' ');
      svg.append(run.length === 1
        ? makeSvg('circle', { class: `point ${line.tone ?? ''}`, cx: left(x[run[0]]), cy: top(line.values[run[0]]), r: 2 })
        : makeSvg('polyline', { class: `line ${line.tone ?? ''}`, points }));
    }
  }
  for (const mark of marks.filter((mark) => mark.x >= first && mark.x <= last)) {
    svg.append(makeSvg('line', { class: `mark ${mark.tone ?? ''}`, x1: left(mark.x), x2: left(mark.x), y1: TOP, y2: HEIGHT - BOTTOM },
      makeSvg('title', {}, mark.words ?? '')));
  }
  return svg;
}

// Runs of consecutive indices for which `holds` is true.
function runs(holds) {
  const found = [];
  holds.forEach((good, index) => {
    if (!good) return;
    if (index > 0 && holds[index - 1]) found.at(-1).push(index);
    else found.push([index]);
  });
  return found;
}

export function framed(title, words, tone, ...drawn) {
  return make('figure', {}, make('figcaption', {}, make('strong', {}, title), make('span', { class: tone ?? 'quiet' }, words)), ...drawn);
}

export function table(heads, rows) {
  const cell = (value) => (value instanceof Object && !(value instanceof Node) ? make('td', { class: value.tone }, value.text)
    : make('td', { class: typeof value === 'number' ? 'n' : '' }, typeof value === 'number' ? figure(value) : value ?? '–'));
  return make('div', { class: 'scroll' }, make('table', {},
    make('thead', {}, make('tr', {}, ...heads.map((head) => make('th', {}, head)))),
    make('tbody', {}, ...rows.map((row) => make('tr', {}, ...row.map(cell))))));
}

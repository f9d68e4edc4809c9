import type { TraceDefinition } from '../traces/trace.js';
import type { World } from '../world.js';
import { JUDGED_POLICY } from './goals.js';
import type { ScenarioCurve } from './scenario-result.js';

const WIDTH = 760;
const HEIGHT = 400;
const LEFT = 64;
const RIGHT = 212;
const TOP = 58;
const BOTTOM = 46;
const LABEL_HEIGHT = 15;
/** Distinguishable with colour blindness (Okabe and Ito), on light and dark backgrounds. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8c6bb1', '#999999'];
/** Below this many percent the axis is linear, above it logarithmic: policies differ by orders of magnitude. */
const LINEAR_PERCENT = 1;

/**
 * The time that each policy has lost against the oracle, in percent of the oracle's total time, over the requests: the median
 * over seeds. The end of the curve is the regret. Plain SVG that follows the reader's light or dark scheme.
 */
export function regretPlot(definition: TraceDefinition, world: World, curves: readonly ScenarioCurve[]): string {
  const highest = Math.max(1, ...curves.flatMap(({ lostPercent }) => lostPercent));
  const y = (percent: number) => HEIGHT - BOTTOM - (onAxis(percent) / onAxis(highest)) * (HEIGHT - TOP - BOTTOM);
  const x = (share: number) => LEFT + share * (WIDTH - LEFT - RIGHT);
  const labelled = placeLabels(curves, y);
  const title = `${definition.name} ${definition.title}, ${world.name} world`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">`,
    STYLE,
    `<text class="title" x="${LEFT}" y="22">${escape(title)}</text>`,
    `<text class="note" x="${LEFT}" y="40">time lost against the oracle, % of its time (logarithmic above ${LINEAR_PERCENT} %)</text>`,
    ...ticksUpTo(highest).flatMap((percent) => [
      `<line class="grid" x1="${LEFT}" y1="${n(y(percent))}" x2="${WIDTH - RIGHT}" y2="${n(y(percent))}"/>`,
      `<text class="tick" text-anchor="end" x="${LEFT - 8}" y="${n(y(percent) + 4)}">${percent}</text>`,
    ]),
    ...[0, 0.25, 0.5, 0.75, 1].map(
      (share) =>
        `<text class="tick" text-anchor="middle" x="${n(x(share))}" y="${HEIGHT - BOTTOM + 18}">${100 * share} %</text>`,
    ),
    `<text class="note" text-anchor="middle" x="${n(x(0.5))}" y="${HEIGHT - 8}">requests</text>`,
    ...labelled.flatMap(({ curve, labelY }, index) => {
      const colour = COLOURS[index % COLOURS.length];
      const { result, lostPercent } = curve;
      const steps = lostPercent.length - 1;
      const points = lostPercent.map((percent, step) => `${n(x(step / steps))},${n(y(percent))}`).join(' ');
      const label = `${escape(result.policy)} ${result.regretPercent.toFixed(1)} %`;
      return [
        `<polyline fill="none" stroke="${colour}" stroke-width="${result.policy === JUDGED_POLICY ? 4 : 2}" points="${points}"/>`,
        `<circle fill="${colour}" cx="${WIDTH - RIGHT + 12}" cy="${n(labelY)}" r="4"/>`,
        `<text class="label" x="${WIDTH - RIGHT + 22}" y="${n(labelY + 4)}">${label}</text>`,
      ];
    }),
    '</svg>\n',
  ].join('\n');
}

const STYLE = `<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 15px }
.note, .tick { fill: #57606a }
.grid { stroke: #d0d7de }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.note, .tick { fill: #9198a1 }
.grid { stroke: #3d444d }
}
</style>`;

/** Linear up to {@link LINEAR_PERCENT} and logarithmic above; negative values count as 0. */
function onAxis(percent: number): number {
  return Math.log1p(Math.max(0, percent) / LINEAR_PERCENT);
}

function ticksUpTo(highest: number): number[] {
  const ticks = [0];
  for (let percent = 1; percent <= highest; percent *= 10) ticks.push(percent, 3 * percent);
  return ticks.filter((percent) => percent <= highest);
}

/** Labels next to the ends of the curves, the highest first, moved apart to avoid overlaps. */
function placeLabels(curves: readonly ScenarioCurve[], y: (percent: number) => number) {
  const labels = curves.map((curve, order) => ({ curve, order, labelY: y(curve.result.regretPercent) }));
  const fromTop = labels.toSorted((a, b) => a.labelY - b.labelY);
  for (let i = 1; i < fromTop.length; i++) {
    fromTop[i].labelY = Math.max(fromTop[i].labelY, fromTop[i - 1].labelY + LABEL_HEIGHT);
  }
  let lowest = HEIGHT - BOTTOM;
  for (const label of fromTop.toReversed()) {
    label.labelY = Math.min(label.labelY, lowest);
    lowest = label.labelY - LABEL_HEIGHT;
  }
  return labels;
}

function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

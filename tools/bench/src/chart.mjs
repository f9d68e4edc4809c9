/**
 * Bars in groups, on a logarithmic scale, as an SVG for light and dark pages.
 *
 * @typedef {{ title: string, unit: string, reference: number, groups: { name: string, bars: { name: string, value: number }[] }[] }} Chart
 *   bars grow to the right from `reference`, which a line marks; those below it grow to the left
 * @param {Chart} chart
 */
export function barChart({ title, unit, reference, groups }) {
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value));
  const low = Math.log10(Math.min(reference, ...values)) - 0.05;
  const high = Math.log10(Math.max(reference, ...values)) + 0.05;
  const x = (value) => LABELS + ((Math.log10(value) - low) / (high - low)) * (WIDTH - LABELS - VALUES);
  const lines = [];
  let y = TOP;
  for (const { name, bars } of groups) {
    lines.push(`<text x="0" y="${y + 12}" font-weight="bold">${escaped(name)}</text>`);
    y += ROW;
    for (const bar of bars) {
      const [from, to] = [x(reference), x(bar.value)].sort((a, b) => a - b);
      const color = bar.value >= reference ? AHEAD : BEHIND;
      lines.push(
        `<text x="${LABELS - 8}" y="${y + 12}" text-anchor="end">${escaped(bar.name)}</text>`,
        `<rect x="${from.toFixed(1)}" y="${y + 2}" width="${Math.max(1, to - from).toFixed(1)}" height="${ROW - 6}" fill="${color}"/>`,
        `<text x="${(Math.max(from, to) + 5).toFixed(1)}" y="${y + 12}">${short(bar.value)} ${escaped(unit)}</text>`,
      );
      y += ROW;
    }
    y += GAP;
  }
  const mark = x(reference).toFixed(1);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" font-family="sans-serif" font-size="12" fill="#808890" role="img" aria-label="${escaped(title)}">
<text x="0" y="16" font-size="14" font-weight="bold">${escaped(title)}</text>
${lines.join('\n')}
<line x1="${mark}" x2="${mark}" y1="${TOP}" y2="${y - GAP}" stroke="#808890" stroke-dasharray="3 3"/>
</svg>
`;
}

const WIDTH = 720;
const LABELS = 150;
const VALUES = 90;
const TOP = 30;
const ROW = 18;
const GAP = 8;
const AHEAD = '#3b82c4';
const BEHIND = '#d97706';

function short(value) {
  return value >= 10 ? value.toFixed(0) : value.toPrecision(2);
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

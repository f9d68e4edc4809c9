import { pageAnchors } from './page-anchors.mjs';

/**
 * Makes one page of what TypeDoc wrote as several: links between them become links within the page. TypeDoc numbers some anchors that
 * GitHub does not; these lose their number.
 *
 * @param {readonly string[]} parts Markdown
 */
export function withinOnePage(parts) {
  const text = parts
    .map((part) => part.trim())
    .join('\n\n')
    .replaceAll(/\]\((?:[\w.-]+\/)*[\w-]+\.md(#[\w-]+)\)/g, ']($1)');
  const anchors = pageAnchors(text);
  return text.replaceAll(/\]\(#([\w-]+)-\d+\)/g, (link, base) =>
    anchors.has(link.slice(3, -1)) || !anchors.has(base) ? link : `](#${base})`,
  );
}

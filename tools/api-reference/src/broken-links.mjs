import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pageAnchors } from './page-anchors.mjs';

/**
 * Links of generated pages that lead to no page, no anchor or no file.
 *
 * @param {ReadonlyMap<string, string>} pages text by file name
 * @param {string} folder where the pages are going to be
 * @returns {string[]} each as `page: target`
 */
export function brokenLinks(pages, folder) {
  const anchors = new Map([...pages].map(([name, text]) => [name, pageAnchors(text)]));
  return [...pages].flatMap(([name, text]) =>
    [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target]) => target)
      .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(name, target))
      .map((target) => `${name}: ${target}`),
  );

  function leadsSomewhere(name, target) {
    const [path, anchor] = target.split('#');
    const page = path === '' ? name : path;
    if (!anchors.has(page)) return anchor === undefined && existsSync(resolve(folder, page));
    return anchor === undefined || anchors.get(page).has(anchor);
  }
}

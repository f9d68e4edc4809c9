/**
 * Separates the fenced code blocks of a Markdown passage from its prose. Long examples would otherwise make the few words around them
 * look unimportant.
 */
export function separateCode(passage: string): { readonly prose: string; readonly code: string } {
  const prose: string[] = [];
  const code: string[] = [];
  let fence: string | undefined;
  for (const line of passage.split('\n')) {
    const marker = /^ {0,3}(`{3}|~{3})/.exec(line)?.[1];
    if (marker === undefined) (fence === undefined ? prose : code).push(line);
    else if (fence === undefined) fence = marker;
    else if (marker === fence) fence = undefined;
    else code.push(line);
  }
  return { prose: prose.join('\n'), code: code.join('\n') };
}

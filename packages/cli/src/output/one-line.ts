// Text from files may contain escape sequences that would control the terminal, or characters that reorder what it shows.
// eslint-disable-next-line no-control-regex -- finding control characters is the point
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\p{Bidi_Control}]/gu;

/** `text` without control characters other than line feeds and tabs, so that it is safe to print. */
export function printable(text: string): string {
  return text.replace(CONTROL_CHARACTERS, '\ufffd');
}

/** `text` on one line, safe to print. */
export function oneLine(text: string): string {
  const lines = text.split(/[\r\n\u2028\u2029]+/).map((line) => line.trim());
  return printable(lines.filter((line) => line !== '').join(' '));
}

/** `value` as one line of JSON. Characters that are not safe to print are escaped, so that the value stays the same. */
export function jsonLine(value: unknown): string {
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(value).replace(CONTROL_CHARACTERS, escape)}\n`;
}

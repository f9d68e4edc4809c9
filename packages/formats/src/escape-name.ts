// eslint-disable-next-line no-control-regex -- finding control characters is the point
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\p{Bidi_Control}\ud800-\udfff]/gu;

/** Longer names of tensors and columns are cut in messages. */
const MAX_LENGTH = 80;

/** `text` without characters that control a terminal or reorder what it shows: they become escapes such as `\u001b`. */
export function escapeName(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A name from a file in quotes, for messages. */
export function quoteName(name: string): string {
  return name.length > MAX_LENGTH ? `'${escapeName(name.slice(0, MAX_LENGTH))}...'` : `'${escapeName(name)}'`;
}

/** The first of some names, for messages. */
export function quoteNames(names: readonly string[]): string {
  const shown = names.slice(0, 8).map(quoteName).join(', ');
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}

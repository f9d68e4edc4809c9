/** The HTTP status of an error or of its `response`, if any. */
export function httpStatusOf(error: unknown): number | undefined {
  const status = read(error, 'status') ?? read(error, 'statusCode') ?? read(read(error, 'response'), 'status');
  return typeof status === 'number' ? status : undefined;
}

/**
 * The wait that an error requests: its `retryAfterMs`, or the header `retry-after-ms` or `retry-after` (RFC 9110, section
 * 10.2.3: seconds or a date) among the `headers` of the error or of its `response`. Null without a request.
 */
export function retryAfterMs(error: unknown): number | null {
  try {
    const headers = read(error, 'headers') ?? read(read(error, 'response'), 'headers');
    return (
      delayOrNull(read(error, 'retryAfterMs')) ??
      delayOrNull(numberIn(header(headers, 'retry-after-ms'))) ??
      fromRetryAfter(header(headers, 'retry-after'))
    );
  } catch {
    // An error may have getters that throw.
    return null;
  }
}

function fromRetryAfter(value: string | undefined): number | null {
  if (value === undefined) return null;
  const seconds = numberIn(value);
  if (!Number.isNaN(seconds)) return delayOrNull(seconds * 1000);
  // HTTP dates end with GMT; `Date.parse` alone also accepts "wait 2" as a date.
  const atMs = value.trim().endsWith('GMT') ? Date.parse(value) : NaN;
  return Number.isNaN(atMs) ? null : atMs - Date.now();
}

function delayOrNull(value: unknown): number | null {
  return typeof value === 'number' && value >= 0 ? value : null;
}

/** NaN for an empty text, unlike `Number`. */
function numberIn(text: string | undefined): number {
  return text === undefined || text.trim() === '' ? NaN : Number(text);
}

/** Reads a `Headers` object, or a plain one with names in any case. */
function header(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  const get = read(headers, 'get');
  const value: unknown =
    typeof get === 'function'
      ? get.call(headers, name)
      : Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function read(object: unknown, key: string): unknown {
  return typeof object === 'object' && object !== null ? (object as Record<string, unknown>)[key] : undefined;
}

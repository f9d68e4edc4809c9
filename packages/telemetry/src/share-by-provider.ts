/** Something started for a provider, and a function to call when it is no longer used. */
interface Share<Shared> {
  readonly shared: Shared;
  readonly leave: () => void;
}

/**
 * Shares what was started for a provider among all that use it, and stops it when the last of them leaves.
 *
 * A provider may come directly or through the proxy of the OpenTelemetry API; both are the same provider.
 */
export function shareByProvider<Shared>(
  stop: (shared: Shared) => void,
): (provider: object, start: () => Shared) => Share<Shared> {
  // The key is an object of the caller, so no entry outlives its provider.
  const byProvider = new WeakMap<object, { readonly shared: Shared; users: number }>();

  return (provider, start) => {
    const key = realProvider(provider);
    const entry = byProvider.get(key) ?? { shared: start(), users: 0 };
    entry.users += 1;
    byProvider.set(key, entry);
    const leave = () => {
      entry.users -= 1;
      if (entry.users > 0) return;
      byProvider.delete(key);
      stop(entry.shared);
    };
    return { shared: entry.shared, leave };
  };
}

function realProvider(provider: object): object {
  if (!('getDelegate' in provider) || typeof provider.getDelegate !== 'function') return provider;
  return (provider as { getDelegate(): object }).getDelegate();
}

/**
 * The order in which packages are published: dependencies first, platform packages before their loaders. So an installation during the
 * release finds every dependency.
 *
 * @template {{ name: string, manifest: any }} T
 * @param {readonly T[]} packed
 * @returns {T[]}
 */
export function inPublishOrder(packed) {
  const waiting = new Map(packed.map((entry) => [entry.name, entry]));
  const ordered = [];
  while (waiting.size > 0) {
    const ready = [...waiting.values()].filter(({ manifest }) =>
      Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }).every((name) => !waiting.has(name)),
    );
    if (ready.length === 0) throw new Error(`packages need each other in a circle: ${[...waiting.keys()].join(', ')}`);
    for (const entry of ready) waiting.delete(entry.name);
    ordered.push(...ready);
  }
  return ordered;
}

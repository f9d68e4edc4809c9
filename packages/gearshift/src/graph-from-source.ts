import { createGraph, graphFromEdges, type CsrGraph } from '@gearshift/contracts';
import { expected, requireObject } from '@gearshift/contracts/internal';
import type { GraphOptions, GraphSource } from './executor.js';
import { usesOf } from './expected-uses.js';
import { sharedFloat32Copy, sharedUint32Copy } from './shared-copy.js';

/** Makes the graph of {@link Executor.graph}, from a copy of the edges unless they are adopted. */
export function graphFromSource(source: GraphSource, options: GraphOptions): CsrGraph {
  const expectedUses = usesOf(options);
  const graph = graphOf(source, options);
  return expectedUses === undefined ? graph : { ...graph, expectedUses };
}

function graphOf(source: GraphSource, { adopt = false }: GraphOptions): CsrGraph {
  requireObject('source', source);
  if (typeof adopt !== 'boolean') throw new TypeError(expected('adopt', 'a boolean', adopt));
  if (!('edges' in source)) return adopt ? createGraph(source) : shared(createGraph(source));
  if (adopt)
    throw new TypeError(
      'adopt: expected arrays in compressed-row form, got a list of edges; to fix it: leave out adopt',
    );
  if (typeof source.edges?.[Symbol.iterator] !== 'function') {
    throw new TypeError(expected('edges', 'an iterable of [from, to, weight]', source.edges));
  }
  return shared(graphFromEdges(source.nodes, source.edges));
}

function shared(graph: CsrGraph): CsrGraph {
  return {
    ...graph,
    rowPointers: sharedUint32Copy(graph.rowPointers),
    columns: sharedUint32Copy(graph.columns),
    weights: sharedFloat32Copy(graph.weights),
  };
}

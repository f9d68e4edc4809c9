import { createGraph, graphFromEdges, type CsrGraph } from '@gearshift/contracts';
import { expected, optionNames, readOptions, requirePlain } from '@gearshift/contracts/internal';
import type { EdgeList, GraphOptions, GraphSource } from './executor.js';
import { usesOf } from './expected-uses.js';
import { sharedFloat32Copy, sharedUint32Copy } from './shared-copy.js';

/** Makes the graph of {@link Executor.graph}, from a copy of the edges unless they are adopted. */
export function graphFromSource(source: GraphSource, options: GraphOptions): CsrGraph {
  const expectedUses = usesOf(options);
  const graph = graphOf(source, options);
  return expectedUses === undefined ? graph : { ...graph, expectedUses };
}

const EDGE_LIST = optionNames<EdgeList>({ nodes: true, edges: true });

function graphOf(source: GraphSource, { adopt = false }: GraphOptions): CsrGraph {
  requirePlain('source', source);
  if (typeof adopt !== 'boolean') throw new TypeError(expected('adopt', 'a boolean', adopt));
  if (!isEdgeList(source)) return adopt ? createGraph(source) : shared(createGraph(source));
  if (adopt)
    throw new TypeError(
      'adopt: expected arrays in compressed-row form, got a list of edges; to fix it: leave out adopt',
    );
  const { nodes, edges } = readOptions('source', source, EDGE_LIST);
  if (typeof edges?.[Symbol.iterator] !== 'function') {
    throw new TypeError(expected('edges', 'an iterable of [from, to, weight]', edges));
  }
  return shared(graphFromEdges(nodes, edges));
}

/** A source with neither edges nor row pointers is treated as arrays, and the error names these. */
function isEdgeList(source: GraphSource): source is EdgeList {
  return Object.hasOwn(source, 'edges');
}

function shared(graph: CsrGraph): CsrGraph {
  return {
    ...graph,
    rowPointers: sharedUint32Copy(graph.rowPointers),
    columns: sharedUint32Copy(graph.columns),
    weights: sharedFloat32Copy(graph.weights),
  };
}

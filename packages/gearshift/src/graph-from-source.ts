import { createGraph, type CsrParts } from '@gearshift/contracts';
import {
  enterEdges,
  expected,
  optionNames,
  readOptions,
  requireNodes,
  requirePlain,
} from '@gearshift/contracts/internal';
import { StoredGraph } from '@gearshift/storage';
import { AdoptedGraph } from './adopted-graph.js';
import type { EdgeList, GraphOptions, GraphSource } from './executor.js';
import { usesOf } from './expected-uses.js';
import type { OperandOwner } from './operand-owner.js';

const EDGE_LIST = optionNames<EdgeList>({ nodes: true, edges: true });

/** Makes the graph of {@link Executor.graph}, with its own copy of the edges unless they are adopted. */
export function graphFromSource(
  source: GraphSource,
  options: GraphOptions,
  owner: OperandOwner,
): StoredGraph | AdoptedGraph {
  const { adopt = false } = options;
  const expectedUses = usesOf(options);
  const given = source instanceof StoredGraph || source instanceof AdoptedGraph ? partsOf(source) : source;
  requirePlain('source', given);
  if (typeof adopt !== 'boolean') throw new TypeError(expected('adopt', 'a boolean', adopt));
  if (!isEdgeList(given)) {
    const parts = createGraph(given);
    const hints = expectedUses === undefined ? { expectedUses: parts.expectedUses } : { expectedUses };
    if (adopt) return new AdoptedGraph({ ...parts, ...hints }, owner.onDispose);
    return StoredGraph.create(parts.nodes, parts.columns.length, { ...owner, ...hints }, (arrays) => {
      arrays.rowPointers.set(parts.rowPointers);
      arrays.columns.set(parts.columns);
      arrays.weights.set(parts.weights);
    });
  }
  if (adopt)
    throw new TypeError(
      'adopt: expected arrays in compressed-row form, got a list of edges; to fix it: leave out adopt',
    );
  const { nodes, edges } = readOptions('source', given, EDGE_LIST);
  if (typeof edges?.[Symbol.iterator] !== 'function') {
    throw new TypeError(expected('edges', 'an iterable of [from, to, weight]', edges));
  }
  requireNodes('nodes', nodes);
  const list = [...edges];
  return StoredGraph.create(nodes, list.length, { ...owner, expectedUses }, (arrays) => enterEdges(list, arrays));
}

/** A source with neither edges nor row pointers is treated as arrays, and the error names these. */
function isEdgeList(source: GraphSource): source is EdgeList {
  return Object.hasOwn(source, 'edges');
}

/** The arrays of another graph of an executor. */
function partsOf({ nodes, rowPointers, columns, weights }: CsrParts): CsrParts {
  return { nodes, rowPointers, columns, weights };
}

import {
  expected,
  requireFinite,
  requireFloat32Array,
  requireInteger,
  requireObject,
  requireUint32Array,
} from '../arguments.js';
import { requireGraph, type CsrGraph } from '../graph.js';
import { ownFields, optionNames } from '../options.js';
import { requireRange, type RowRange } from '../row-range.js';
import { FLOAT32_OUTPUT, requireFloat32Output } from './float32-output.js';
import type { Operation } from './operation.js';
import { checkFields, Prepared } from './prepared.js';

/** Default options of spreading activation. */
export const SPREAD_DEFAULTS = { hops: 1, decay: 0.85, retention: 0, threshold: 0 } as const;

/**
 * Spreading activation, per hop: `y = retention * x + decay * (A * x)`, then values with `|y| < threshold` become 0 and
 * stop spreading. A row range other than the whole graph is allowed for a single hop only: later hops need every node.
 */
export interface SpreadActivationRequest extends RowRange {
  readonly operation: 'spread-activation';
  readonly graph: CsrGraph;
  /** One value per node. */
  readonly activations: Float32Array;
  /** At least 0; default 1. */
  readonly hops?: number | undefined;
  /** Default 0.85. */
  readonly decay?: number | undefined;
  /** Default 0. */
  readonly retention?: number | undefined;
  /** At least 0; default 0. */
  readonly threshold?: number | undefined;
}

interface SpreadOptions {
  readonly hops: number;
  readonly decay: number;
  readonly retention: number;
  readonly threshold: number;
}

export class PreparedSpreadActivation extends Prepared {
  readonly operation: 'spread-activation';
  readonly graph: CsrGraph;
  readonly activations: Float32Array;
  readonly hops: number;
  readonly decay: number;
  readonly retention: number;
  readonly threshold: number;
  readonly start: number;
  readonly end: number;
  /** Elements of the output: `end - start`. */
  readonly outputLength: number;

  constructor(graph: CsrGraph, activations: Float32Array, start: number, end: number, options: SpreadOptions) {
    super();
    this.operation = 'spread-activation';
    this.graph = graph;
    this.activations = activations;
    this.hops = options.hops;
    this.decay = options.decay;
    this.retention = options.retention;
    this.threshold = options.threshold;
    this.start = start;
    this.end = end;
    this.outputLength = end - start;
  }
}

const FIELDS = optionNames<SpreadActivationRequest & Pick<PreparedSpreadActivation, 'outputLength'>>({
  operation: true,
  graph: true,
  activations: true,
  hops: true,
  decay: true,
  retention: true,
  threshold: true,
  start: true,
  end: true,
  outputLength: true,
});

/** @throws TypeError or RangeError that names the argument, the expected and the given value. */
export function prepareSpreadActivation(request: SpreadActivationRequest): PreparedSpreadActivation {
  if (request instanceof PreparedSpreadActivation && Prepared.is(request)) return request;
  requireObject('request', request);
  checkFields(request, FIELDS);
  return prepareFields(ownFields(request, FIELDS));
}

function prepareFields(request: SpreadActivationRequest): PreparedSpreadActivation {
  const { operation, hops, decay, retention, threshold, start: first, end: last } = request;
  if (operation !== 'spread-activation') {
    throw new RangeError(expected('operation', `'spread-activation'`, operation));
  }
  const options = {
    hops: requireInteger('hops', hops ?? SPREAD_DEFAULTS.hops, 0),
    decay: requireFinite('decay', decay ?? SPREAD_DEFAULTS.decay),
    retention: requireFinite('retention', retention ?? SPREAD_DEFAULTS.retention),
    threshold: requireFinite('threshold', threshold ?? SPREAD_DEFAULTS.threshold, 0),
  };
  const graph = requireGraph(request.graph);
  const activations = requireFloat32Array('activations', request.activations);
  if (activations.length !== graph.nodes) {
    throw new RangeError(`activations: expected ${graph.nodes} elements (one per node), got ${activations.length}`);
  }
  const { start, end } = requireRange(first, last, graph.nodes);
  if (options.hops !== 1 && (start !== 0 || end !== graph.nodes)) {
    throw new RangeError(`hops: expected 1 when only the nodes [${start}, ${end}) are asked for, got ${options.hops}`);
  }
  return new PreparedSpreadActivation(graph, activations, start, end, options);
}

export const spreadActivation: Operation<SpreadActivationRequest, PreparedSpreadActivation, Float32Array> = {
  ...FLOAT32_OUTPUT,
  name: 'spread-activation',
  prepare: prepareSpreadActivation,
  prepareFields,
  operandOf: ({ graph }) => graph,
  itemsOf: ({ start, end }) => end - start,
  part(request, start, end) {
    const { graph, activations, start: first } = request;
    requireUint32Array('graph.rowPointers', graph.rowPointers);
    requireUint32Array('graph.columns', graph.columns);
    requireFloat32Array('graph.weights', graph.weights);
    requireFloat32Array('activations', activations);
    return new PreparedSpreadActivation(graph, activations, first + start, first + end, request);
  },
  requireOutput: (request, output) => requireFloat32Output(output, request.outputLength, request.activations),
};

/**
 * A model in the format of ONNX: scores = rows * query, and the best k of them. Written byte by byte, because the two operators need
 * only a few fields of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, with the field numbers below.
 *
 * @param {Float32Array} values rows by dimensions, each row of length 1
 * @returns {Buffer} input `query`, outputs `scores` and `indices`
 */
export function topKModel(values, { rows, dimensions, k, queries }) {
  const initializers = [
    message([1, rows], [1, dimensions], [2, FLOAT], [8, 'rows'], [9, Buffer.from(values.buffer)]),
    message([1, 1], [2, INT64], [8, 'k'], [9, Buffer.from(new BigInt64Array([BigInt(k)]).buffer)]),
  ];
  const axis = message([1, 'axis'], [3, 1], [20, 2]);
  // The rows are the second operand, transposed: the runtime packs that operand in advance and is several times faster this way.
  const transposed = message([1, 'transB'], [3, 1], [20, 2]);
  const nodes = [
    message([1, 'query'], [1, 'rows'], [2, 'all'], [4, 'Gemm'], [5, transposed]),
    message([1, 'all'], [1, 'k'], [2, 'scores'], [2, 'indices'], [4, 'TopK'], [5, axis]),
  ];
  const graph = message(
    ...nodes.map((node) => [1, node]),
    [2, 'top-k'],
    ...initializers.map((tensor) => [5, tensor]),
    [11, tensorInfo('query', FLOAT, queries, dimensions)],
    [12, tensorInfo('scores', FLOAT, queries, k)],
    [12, tensorInfo('indices', INT64, queries, k)],
  );
  return message([1, 8], [7, graph], [8, message([2, 13])]);
}

const FLOAT = 1;
const INT64 = 7;

function tensorInfo(name, type, rows, columns) {
  const shape = message([1, message([1, rows])], [1, message([1, columns])]);
  return message([1, name], [2, message([1, message([1, type], [2, shape])])]);
}

/** Fields as [number, value]: whole numbers as varints, strings and bytes with their length. */
function message(...fields) {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === 'number') return [varint(number * 8), varint(value)];
      const bytes = Buffer.from(value);
      return [varint(number * 8 + 2), varint(bytes.length), bytes];
    }),
  );
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return Buffer.from([...bytes, value]);
}

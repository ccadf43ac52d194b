/**
 * What an ONNX file is, before a runtime sees it. One that keeps weights in other files could read any file of the host. Walks
 * the protobuf's wire format (onnx.proto3) and skips all tensors' bytes, so it costs next to nothing.
 */

/** Fields that hold messages worth a look, per message type: field number → type of what is in it. */
type Shape = Readonly<Record<number, ShapeName>>;
type ShapeName = 'model' | 'graph' | 'node' | 'attribute' | 'function' | 'training' | 'sparse' | 'tensor';

const SHAPES: Readonly<Record<ShapeName, Shape>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
};
const TENSOR_EXTERNAL_DATA = 13;
const TENSOR_DATA_LOCATION = 14;
const NODE_OPERATOR = 4;
const NODE_DOMAIN = 7;
const FUNCTION_DOMAIN = 10;
/** Deeper nesting of subgraphs is no honest model. */
const MAX_DEPTH = 64;

export interface Inspection {
  /** A tensor lies in another file. */
  externalData: boolean;
  /** Operators by their domain, one of each; '' is ONNX's own. */
  operators: Map<string, string>;
  /** Domains of functions that the model brings along. */
  functions: Set<string>;
}

/** Throws RangeError when `bytes` are not a protobuf message. */
export function inspectModel(bytes: Uint8Array): Inspection {
  const found: Inspection = { externalData: false, operators: new Map(), functions: new Set() };
  scan(bytes, 0, bytes.length, 'model', 0, found);
  return found;
}

function scan(bytes: Uint8Array, from: number, to: number, shape: ShapeName, depth: number, found: Inspection): void {
  if (depth > MAX_DEPTH) throw new RangeError('subgraphs are nested too deeply');
  let at = from;
  const node = { operator: '', domain: '' };
  while (at < to) {
    const tag = uint32(bytes, at, to);
    const field = Math.floor(tag.value / 8);
    const wire = tag.value % 8;
    if (field === 0) throw new RangeError('field number 0');
    const body = fieldBody(bytes, tag.next, to, wire);
    if (shape === 'tensor') {
      if (field === TENSOR_EXTERNAL_DATA) found.externalData = true;
      if (field === TENSOR_DATA_LOCATION && wire === 0 && body.value !== 0) found.externalData = true;
    }
    if (shape === 'node' && field === NODE_OPERATOR) node.operator = textOf(bytes, body);
    if (shape === 'node' && field === NODE_DOMAIN) node.domain = textOf(bytes, body);
    if (shape === 'function' && field === FUNCTION_DOMAIN) found.functions.add(textOf(bytes, body));
    const inner = SHAPES[shape][field];
    if (inner && wire === 2) scan(bytes, body.from, body.to, inner, depth + 1, found);
    at = body.to;
  }
  if (shape === 'node') found.operators.set(node.domain, node.operator);
}

const textOf = (bytes: Uint8Array, { from, to }: { from: number; to: number }): string =>
  Buffer.from(bytes.subarray(from, to)).toString('utf8');

function fieldBody(
  bytes: Uint8Array,
  at: number,
  to: number,
  wire: number,
): { from: number; to: number; value: number } {
  if (wire === 0) {
    const number = varint(bytes, at, to);
    return { from: at, to: number.next, value: number.value };
  }
  const length = wire === 2 ? uint32(bytes, at, to) : { value: fixedLength(wire), next: at };
  const end = length.next + length.value;
  if (end > to) throw new RangeError('a field ends behind its message');
  return { from: length.next, to: end, value: 0 };
}

function fixedLength(wire: number): number {
  if (wire === 1) return 8;
  if (wire === 5) return 4;
  throw new RangeError(`wire type ${wire}`);
}

/**
 * A tag or a length. Readers differ in what they make of one that is longer than it must be (protobuf drops the bits above 31 of a
 * tag), no writer makes such, and what is read here must be what the runtime reads.
 */
function uint32(bytes: Uint8Array, at: number, to: number): { value: number; next: number } {
  const { value, next } = varint(bytes, at, to);
  const isShortest = next === at + 1 || bytes[next - 1] !== 0;
  if (value >= 2 ** 32 || !isShortest) throw new RangeError('a tag or a length is not written in the shortest way');
  return { value, next };
}

function varint(bytes: Uint8Array, at: number, to: number): { value: number; next: number } {
  let value = 0;
  let factor = 1;
  for (let i = at; i < to && i < at + 10; i++) {
    const byte = bytes[i] as number;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return { value, next: i + 1 };
    factor *= 128;
  }
  throw new RangeError('a number is cut off');
}

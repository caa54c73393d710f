// What is in an ONNX file, a protobuf message: inputs, nodes, tensors, metadata. The field numbers
// are those of onnx.proto; fields that are of no use here are passed over.

const [VARINT, FIXED_64, BYTES, FIXED_32] = [0, 1, 2, 5]; // wire types of protobuf's fields

// How the bytes of a tensor are read, by its data type. ONNX is little-endian, as browsers are.
const FROM_BYTES = {
  1: (buffer) => new Float32Array(buffer),
  2: (buffer) => new Uint8Array(buffer),
  3: (buffer) => new Int8Array(buffer),
  6: (buffer) => new Int32Array(buffer),
  7: (buffer) => Float64Array.from(new BigInt64Array(buffer), Number),
  10: (buffer) => Float32Array.from(new Uint16Array(buffer), fromHalf),
};

// And its numbers, where each is in a field of its own.
const FROM_NUMBERS = {
  1: (numbers) => Float32Array.from(numbers),
  2: (numbers) => Uint8Array.from(numbers),
  3: (numbers) => Int8Array.from(numbers),
  6: (numbers) => Int32Array.from(numbers),
  7: (numbers) => Float64Array.from(numbers),
  10: (numbers) => Float32Array.from(numbers, fromHalf),
};

// Parse a file: {inputs: [{name, dims}], nodes: [{operation, inputs, outputs, attributes}],
// tensors: Map of {dims, data} by name, metadata: Map of texts}. Constants that are cast or
// dequantised are tensors, too, with float32 values.
export function parseModel(arrayBuffer) {
  const model = { inputs: [], nodes: [], tensors: new Map(), metadata: new Map() };
  try {
    for (const [number, content] of fields(new Uint8Array(arrayBuffer))) {
      if (number === 7) parseGraph(content, model);
      if (number === 14) model.metadata.set(text(first(content, 1)), text(first(content, 2)));
    }
  } catch (error) {
    throw new Error("Expected a network in ONNX, found a file that is damaged or no such file.", { cause: error });
  }
  if (!model.nodes.length) throw new Error("Expected a network in ONNX, found a file without a graph.");
  model.nodes = model.nodes.filter((node) => !fold(node, model.tensors));
  return model;
}

// A graph that comes in parts, as protobuf allows, is merged.
function parseGraph(graph, { inputs, nodes, tensors }) {
  for (const [number, content] of fields(graph)) {
    if (number === 1) nodes.push(parseNode(content));
    if (number === 5) tensors.set(text(first(content, 8)), parseTensor(content));
    if (number === 11) inputs.push(parseInput(content));
  }
}

function parseNode(content) {
  const node = { operation: "", inputs: [], outputs: [], attributes: {} };
  for (const [number, value] of fields(content)) {
    if (number === 1) node.inputs.push(text(value));
    if (number === 2) node.outputs.push(text(value));
    if (number === 4) node.operation = text(value);
    if (number === 5) node.attributes[text(first(value, 1))] = parseAttribute(value);
  }
  return node;
}

function parseAttribute(content) {
  const [FLOAT, INT, STRING, TENSOR, FLOATS, INTS] = [1, 2, 3, 4, 6, 7];
  switch (first(content, 20)) {
    case FLOAT: return float(first(content, 2));
    case INT: return first(content, 3);
    case STRING: return text(first(content, 4));
    case TENSOR: return parseTensor(first(content, 5));
    case FLOATS: return floats(content, 7);
    case INTS: return integers(content, 8);
    default: return undefined;
  }
}

function parseTensor(content) {
  const type = first(content, 2);
  const dims = integers(content, 1);
  if (!FROM_BYTES[type]) throw new Error(`The network has values of a type that is not known here, ${type}.`);
  const raw = first(content, 9);
  if (raw !== undefined) return { dims, data: FROM_BYTES[type](raw.slice().buffer) };
  const numbers = type === 1 ? floats(content, 4) : integers(content, type === 7 ? 7 : 5);
  return { dims, data: FROM_NUMBERS[type](numbers) };
}

// Sizes that the file leaves open, such as that of a batch, are null.
function parseInput(content) {
  const shape = [2, 1, 2].reduce((value, number) => value && first(value, number), content);
  const dims = [...fields(shape ?? new Uint8Array())].map(([, dim]) => first(dim, 1) ?? null);
  return { name: text(first(content, 1)), dims };
}

// Compute a node of constants, if it is one; returns whether it is.
function fold({ operation, inputs, outputs, attributes }, tensors) {
  const [x, scale, zero] = inputs.map((name) => tensors.get(name));
  if (operation === "Constant" && attributes.value) {
    tensors.set(outputs[0], attributes.value);
  } else if (operation === "Cast" && x && attributes.to === 1) {
    tensors.set(outputs[0], { dims: x.dims, data: Float32Array.from(x.data) });
  } else if (operation === "DequantizeLinear" && x && scale) {
    // Along one axis, each slice has a scale of its own, unless all have the same.
    const axis = (attributes.axis ?? 1) + (attributes.axis < 0 ? x.dims.length : 0);
    const inner = x.dims.slice(axis + 1).reduce((product, size) => product * size, 1);
    const at = (i) => (scale.data.length === 1 ? 0 : Math.floor(i / inner) % x.dims[axis]);
    const data = Float32Array.from(x.data, (value, i) => (value - (zero?.data[at(i)] ?? 0)) * scale.data[at(i)]);
    tensors.set(outputs[0], { dims: x.dims, data });
  } else {
    return false;
  }
  return true;
}

// The fields of a message: its number, and a number or bytes each.
function* fields(message) {
  for (let at = 0, key, value; at < message.length; ) {
    [key, at] = varint(message, at);
    const [number, type] = [Math.floor(key / 8), key % 8];
    if (type === VARINT) {
      [value, at] = varint(message, at);
    } else {
      let size = { [FIXED_32]: 4, [FIXED_64]: 8 }[type];
      if (type === BYTES) [size, at] = varint(message, at);
      if (!(at + size <= message.length)) throw new RangeError("The message ends within a field.");
      value = message.subarray(at, (at += size));
    }
    yield [number, value];
  }
}

// A number of seven bits a byte, the lowest first, and where it ends.
function varint(bytes, at) {
  let value = 0n;
  for (let shift = 0n; at < bytes.length; shift += 7n) {
    const byte = bytes[at++];
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [Number(BigInt.asIntN(64, value)), at];
  }
  throw new RangeError("The message ends within a number.");
}

function first(message, wanted) {
  for (const [number, value] of fields(message)) if (number === wanted) return value;
  return undefined;
}

// Numbers of a field that is repeated, or packed into one.
function integers(message, wanted) {
  const found = [];
  for (const [number, content] of fields(message)) {
    if (number !== wanted) continue;
    if (typeof content === "number") found.push(content);
    else for (let at = 0, value; at < content.length; found.push(value)) [value, at] = varint(content, at);
  }
  return found;
}

function floats(message, wanted) {
  const found = [];
  for (const [number, value] of fields(message)) {
    if (number === wanted) found.push(...new Float32Array(value.slice().buffer));
  }
  return found;
}

const float = (bytes) => new Float32Array(bytes.slice().buffer)[0];
const text = (bytes) => new TextDecoder().decode(bytes);

// A float16, from its bits: a sign, five of the exponent, ten of the fraction.
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 0x1f, bits & 0x3ff];
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

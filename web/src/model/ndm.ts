/** Reads model files (`ndm/1`, docs/bundle.md): numbers for a network that is known by name, never code. */

import { convolutionsOf, type NetworkSpec, networkOfFamily, sameSpec, UnknownNetworkError } from "./network";

export const MAX_MODEL_BYTES = 4 << 20;

/** Weights in the form in which a network uses them. */
export interface Weights {
  readonly spec: NetworkSpec;
  /** Level subtracted from the 8-bit luma before the first convolution pads with zeros. */
  readonly inputMean: number;
  /** One for each layer: [3][3][channels in][channels out], flat, in levels of 0 to 255. */
  readonly kernels: Float32Array[];
  readonly biases: Float32Array[];
  /** SHA-256 of the file, 64 hexadecimal digits. */
  readonly sha256: string;
}

/** Returns the weights of a model that changes nothing. */
export function noWeights(spec: NetworkSpec): Weights {
  const layers = convolutionsOf(spec);
  const kernels = layers.map(({ inputs, outputs }) => new Float32Array(9 * inputs * outputs));
  return {
    spec,
    inputMean: 0,
    kernels,
    biases: layers.map(({ outputs }) => new Float32Array(outputs)),
    sha256: "none",
  };
}

/** The bytes are not a model, or one that cannot be used. */
export class MalformedModelError extends Error {}

const HEADER_BYTES = 11;
const FLAG_UPDATE = 1;
const BASE_HASH_BYTES = 8;
const LANCZOS4 = 1;
/** Bound far above any trained weight; keeps every sum finite. */
const MAX_ABS_WEIGHT = 1e4;

/**
 * Returns the weights in a file whose SHA-256 is `sha256`, added to `base` if the file is an update. Throws
 * MalformedModelError, UnknownNetworkError.
 */
export function decodeModel(data: Uint8Array, sha256: string, base: Weights | null = null): Weights {
  if (data.length > MAX_MODEL_BYTES) throw new MalformedModelError(`model file of ${data.length} bytes`);
  if (data.length < HEADER_BYTES) throw new MalformedModelError("model file ends within its header");
  if (data[0] !== 0x4e || data[1] !== 0x44 || data[2] !== 0x4d || data[3] !== 0x31) {
    throw new MalformedModelError("not a neudash model: the file does not start with NDM1");
  }
  const [flags, family, scale, width, depth, upsample, inputMean] = data.subarray(4, HEADER_BYTES);
  if (upsample !== LANCZOS4 || (flags & ~FLAG_UPDATE) !== 0) {
    throw new UnknownNetworkError(`model file of family ${family}, base upsample ${upsample}, flags ${flags}`);
  }
  const spec = networkOfFamily(family, scale, width, depth);
  const isUpdate = (flags & FLAG_UPDATE) !== 0;
  const layers = convolutionsOf(spec);
  const bitsAt = HEADER_BYTES + (isUpdate ? BASE_HASH_BYTES : 0);
  const bits = data.subarray(bitsAt, bitsAt + layers.length);
  if (bits.length !== layers.length) throw new MalformedModelError("model file ends within its header");
  const weightsAt = bitsAt + layers.length;
  const expected = layers.reduce(
    (sum, { inputs, outputs }, index) => sum + layerBytes(bits[index], inputs, outputs),
    0,
  );
  // Compared before memory is taken.
  if (data.length - weightsAt !== expected) {
    throw new MalformedModelError(
      `the network needs ${expected} bytes of weights, the file has ${data.length - weightsAt}`,
    );
  }
  if (isUpdate) checkBase(data.subarray(HEADER_BYTES, bitsAt), spec, inputMean, base);
  const kernels: Float32Array[] = [];
  const biases: Float32Array[] = [];
  let at = weightsAt;
  layers.forEach(({ inputs, outputs }, index) => {
    const length = layerBytes(bits[index], inputs, outputs);
    const layer = decodeLayer(data.subarray(at, at + length), bits[index], inputs, outputs);
    const old = isUpdate ? base : null;
    kernels.push(checked(added(layer.kernel, old?.kernels[index])));
    biases.push(checked(added(layer.bias, old?.biases[index])));
    at += length;
  });
  return { spec, inputMean, kernels, biases, sha256 };
}

function checkBase(hash: Uint8Array, spec: NetworkSpec, inputMean: number, base: Weights | null): void {
  if (!base) throw new MalformedModelError("the model file is an update; it needs the model that it updates");
  if (!sameSpec(base.spec, spec) || base.inputMean !== inputMean) {
    throw new MalformedModelError("the model file updates a network of another kind");
  }
  const wanted = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (!base.sha256.startsWith(wanted)) throw new MalformedModelError("the model file updates another model");
}

function layerBytes(bits: number, from: number, to: number): number {
  if (bits === 0) return 2 * to;
  if (bits < 2 || bits > 8) throw new MalformedModelError(`model file with ${bits} bits a weight`);
  return 4 * to + Math.ceil((9 * from * to * bits) / 8);
}

function decodeLayer(
  data: Uint8Array,
  bits: number,
  from: number,
  to: number,
): { kernel: Float32Array; bias: Float32Array } {
  const kernel = new Float32Array(9 * from * to);
  if (bits === 0) return { kernel, bias: halves(data, 0, to) };
  const scales = halves(data, 0, to);
  if (!scales.every((scale) => scale >= 0))
    throw new MalformedModelError("model file with a negative or undefined scale");
  const codes = data.subarray(4 * to);
  const zero = 1 << (bits - 1);
  const mask = (1 << bits) - 1;
  let pending = 0;
  let held = 0;
  let at = 0;
  for (let output = 0; output < to; output++) {
    for (let input = 0; input < 9 * from; input++) {
      while (held < bits) {
        pending = ((pending << 8) | codes[at++]) & 0xffff;
        held += 8;
      }
      held -= bits;
      kernel[input * to + output] = (((pending >> held) & mask) - zero) * scales[output];
    }
  }
  if ((pending & ((1 << held) - 1)) !== 0)
    throw new MalformedModelError("model file with padding bits that are not zero");
  return { kernel, bias: halves(data, 2 * to, to) };
}

/** Reads `count` numbers of IEEE 754 binary16, little-endian. */
function halves(data: Uint8Array, at: number, count: number): Float32Array {
  const view = new DataView(data.buffer, data.byteOffset + at, 2 * count);
  return Float32Array.from({ length: count }, (_, index) => half(view.getUint16(2 * index, true)));
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Adds in float32, to which a Float32Array rounds. */
function added(change: Float32Array, old: Float32Array | undefined): Float32Array {
  if (old) for (let index = 0; index < change.length; index++) change[index] += old[index];
  return change;
}

function checked(values: Float32Array): Float32Array {
  // Written so that NaN fails too.
  if (!values.every((value) => Math.abs(value) <= MAX_ABS_WEIGHT)) {
    throw new MalformedModelError("model file with a weight that is not finite, or absurdly large");
  }
  return values;
}

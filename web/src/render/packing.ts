/** Packs weights in the order in which the shaders read them, four output channels at a time. */

import type { Weights } from "../model/ndm";
import type { Conv } from "../model/network";

/** A pass over one layer that computes the groups of four output channels from `first` on. */
export interface Pass {
  readonly layer: number;
  readonly inputs: number;
  readonly first: number;
  readonly groups: number;
  readonly relu: boolean;
  /** Bytes of the pass's weights. */
  readonly bytes: number;
}

const FLOAT_BYTES = 4;

/** Returns the passes of a convolution if one may write `maxGroups` groups and read `maxBytes` of weights. */
export function passesOf({ inputs, outputs, relu }: Conv, layer: number, maxGroups: number, maxBytes: number): Pass[] {
  const each = groupFloats(inputs) * FLOAT_BYTES;
  const most = Math.min(maxGroups, Math.floor(maxBytes / each));
  if (most < 1) throw new Error(`this device takes no weights of ${each} bytes`);
  return shares(Math.ceil(outputs / 4), most).map(({ first, groups }) => ({
    layer,
    inputs,
    first,
    groups,
    relu,
    bytes: groups * each,
  }));
}

/** Splits `all` groups into shares of at most `most`; equal shares waste least. */
export function shares(all: number, most: number): { first: number; groups: number }[] {
  const groups = Math.ceil(all / Math.ceil(all / most));
  const firsts = Array.from({ length: Math.ceil(all / groups) }, (_, index) => index * groups);
  return firsts.map((first) => ({ first, groups: Math.min(groups, all - first) }));
}

/** Returns the floats of one group of four: biases, then [tap][input group] of a matrix (a vector for one input). */
function groupFloats(inputs: number): number {
  return 4 + 9 * (inputs === 1 ? 4 : Math.ceil(inputs / 4) * 16);
}

/**
 * Packs the uniform or storage block of a pass: the biases of all its groups, then [group][tap][input] of four outputs.
 */
export function packPass(weights: Weights, pass: Pass): Float32Array<ArrayBuffer> {
  const { layer, inputs, first, groups } = pass;
  const kernel = weights.kernels[layer];
  const bias = weights.biases[layer];
  const padded = inputs === 1 ? 1 : Math.ceil(inputs / 4) * 4;
  const packed = new Float32Array(pass.bytes / FLOAT_BYTES);
  for (let group = 0; group < groups; group++) {
    for (let lane = 0; lane < 4; lane++) {
      const output = (first + group) * 4 + lane;
      if (output >= bias.length) continue;
      packed[group * 4 + lane] = bias[output];
      for (let tap = 0; tap < 9; tap++) {
        for (let input = 0; input < inputs; input++) {
          const at = groups * 4 + ((group * 9 + tap) * padded + input) * 4 + lane;
          packed[at] = kernel[(tap * inputs + input) * bias.length + output];
        }
      }
    }
  }
  return packed;
}

/** Writes the shaders of the WebGL2 renderer. They read whole positions; only chroma on display is filtered. */

import { LOBES } from "../taps";

const HEAD = `#version 300 es
precision highp float; precision highp int;
precision highp sampler2D; precision highp sampler2DArray; precision highp usampler2D; precision highp isampler2D;
`;

export const VERTEX = `#version 300 es
void main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0); }`;

/** Columns of features that one pixel of a pass computes. */
export const PAIR = 2;

/** Offset that makes horizontal sums, which lie between -8670 and 41310, fit unsigned 16-bit textures. */
export const SUM_OFFSET = 16384;

const TAP_NAMES = ["a.y", "a.z", "a.w", "b.x", "b.y", "b.z", "b.w", "c.x", "c.y"];

/** Reads a row of a table of taps, three texels of four numbers, the middle sample first. */
const readTaps = (row: string) =>
  `ivec4 ${["a", "b", "c"].map((name, x) => `${name} = texelFetch(taps, ivec2(${x}, ${row}), 0)`).join(", ")};`;

/** Multiplies taps with samples, written out: drivers differ in what they make of a loop. */
const WEIGHTED_SUM = TAP_NAMES.map((tap, j) => `${tap} * sample_(at, clamp(a.x + ${j - LOBES}, 0, last))`).join(" + ");

/** Sums along rows, in 1/128ths. */
export const ACROSS = `${HEAD}
uniform sampler2D source; uniform isampler2D taps;
out uint sum;
int sample_(ivec2 at, int x) { return int(texelFetch(source, ivec2(x, at.y), 0).r * 255.0 + 0.5); }
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  ${readTaps("at.x")}
  int last = textureSize(source, 0).x - 1;
  sum = uint(${SUM_OFFSET} + ${WEIGHTED_SUM});
}`;

const DOWN = `
uniform usampler2D sums; uniform isampler2D taps;
int sample_(ivec2 at, int y) { return int(texelFetch(sums, ivec2(at.x, y), 0).r) - ${SUM_OFFSET}; }
int sumDown(ivec2 at) {
  ${readTaps("at.y")}
  int last = textureSize(sums, 0).y - 1;
  return ${WEIGHTED_SUM};
}
float level(int total) { return float(clamp((total + 8192) >> 14, 0, 255)) / 255.0; }`;

/** Finishes the plain resize. */
export const FINISH = `${HEAD}${DOWN}
out vec4 value;
void main() { value = vec4(level(sumDown(ivec2(gl_FragCoord.xy)))); }`;

/** Finishes the plain resize and, beside it, the same with the network's residual added before the one rounding. */
export const ADD = `${HEAD}${DOWN}
uniform sampler2DArray residual;
uniform int block;
layout(location = 0) out vec4 enhanced;
layout(location = 1) out vec4 plain;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int total = sumDown(at), channel = (at.y % block) * block + at.x % block;
  ivec2 from = at / block;
  ivec3 place = ivec3(from.x / ${PAIR} + 1, from.y + 1, ${PAIR} * (channel >> 2) + from.x % ${PAIR});
  float add = texelFetch(residual, place, 0)[channel & 3];
  enhanced = vec4(clamp(floor(float(total) / 16384.0 + add + 0.5), 0.0, 255.0) / 255.0);
  plain = vec4(level(total));
}`;

/**
 * Folds squares of pixels into channels, less the mean, `groups` of four channels from `first` on; the picture is
 * continued to whole squares. If the last pair is one column, the other belongs to the border and is zero.
 */
export function foldShader(fold: number, first: number, groups: number): string {
  const channel = (c: number, side: number) => {
    if (c >= fold ** 2) return "0.0";
    const corner = `at * ivec2(${PAIR * fold}, ${fold}) + ivec2(${side * fold + (c % fold)}, ${Math.floor(c / fold)})`;
    return `texelFetch(luma, min(${corner}, last), 0).r * 255.0 - mean`;
  };
  const outputs = range(PAIR * groups, (i) => `layout(location = ${i}) out vec4 o${i};`);
  const writes = range(PAIR * groups, (i) => {
    const [group, side] = [first + Math.floor(i / PAIR), i % PAIR];
    const value = `vec4(${range(4, (j) => channel(4 * group + j, side)).join(", ")})`;
    const beyond = side ? `(${PAIR} * at.x + ${side}) * ${fold} > last.x ? vec4(0.0) : ` : "";
    return `o${i} = ${beyond}${value};`;
  });
  return `${HEAD}uniform sampler2D luma; uniform float mean;
${outputs.join("\n")}
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy) - 1, last = textureSize(luma, 0) - 1;
  ${writes.join("\n  ")}
}`;
}

/** Adds two results, `groups` of four channels from `first` on. */
export function sumShader(first: number, groups: number): string {
  const outputs = range(PAIR * groups, (i) => `layout(location = ${i}) out vec4 o${i};`);
  const read = (name: string, i: number) => `texelFetch(${name}, ivec3(at, ${PAIR * first + i}), 0)`;
  return `${HEAD}uniform sampler2DArray one, other;
${outputs.join("\n")}
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  ${range(PAIR * groups, (i) => `o${i} = ${read("one", i)} + ${read("other", i)};`).join("\n  ")}
}`;
}

/** One pass of a convolution: `groups` of four channels computed from all `inputs`, with ReLU or without. */
export interface ConvolutionPass {
  readonly inputs: number;
  readonly groups: number;
  readonly relu: boolean;
  /** True if the last pair is one column. */
  readonly odd: boolean;
}

/**
 * Computes a 3x3 convolution.
 *
 * Features lie one texel from the edge of their textures, so that reads outside get a zero that was never overwritten,
 * and no position needs a bounds check. A pixel computes two columns, which share what they read; layer 2·g + s of a
 * texture holds group g of the left or right column.
 */
export function convolutionShader({ inputs, groups, relu, odd }: ConvolutionPass): string {
  const froms = Math.ceil(inputs / 4);
  const adds = [0, 1, 2].flatMap((down) =>
    range(froms, (from) => {
      const read = (x: number, side: number) =>
        `texelFetch(features, ivec3(at + ivec2(${x}, ${down - 1}), ${PAIR * from + side}), 0)${inputs === 1 ? ".x" : ""}`;
      const across = [0, 1, 2].flatMap((tap) =>
        range(
          groups,
          (g) => `m = w[${(g * 9 + down * 3 + tap) * froms + from}]; a${g} += m * x${tap}; b${g} += m * x${tap + 1};`,
        ),
      );
      return [`x0 = ${read(-1, 1)}; x1 = ${read(0, 0)}; x2 = ${read(0, 1)}; x3 = ${read(1, 0)};`, ...across];
    }).flat(),
  );
  const [type, value] = inputs === 1 ? ["vec4", "float"] : ["mat4", "vec4"];
  const outputs = range(PAIR * groups, (i) => `layout(location = ${i}) out vec4 o${i};`);
  const bound = (sum: string) => (relu ? `max(${sum}, 0.0)` : sum);
  const beyond = odd ? `at.x == textureSize(features, 0).x - 2 ? vec4(0.0) : ` : "";
  return `${HEAD}uniform sampler2DArray features;
layout(std140) uniform Weights { vec4 bias[${groups}]; ${type} w[${groups * 9 * froms}]; };
${outputs.join("\n")}
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  ${value} x0, x1, x2, x3; ${type} m;
  vec4 ${range(groups, (g) => `a${g} = bias[${g}], b${g} = a${g}`).join(", ")};
  ${adds.join("\n  ")}
  ${range(groups, (g) => `o${PAIR * g} = ${bound(`a${g}`)}; o${PAIR * g + 1} = ${beyond}${bound(`b${g}`)};`).join(" ")}
}`;
}

/**
 * Draws planes to the canvas, the right way up: plain left of the split. Chroma lies between rows, on the left column.
 */
export const SHOW = `${HEAD}uniform sampler2D enhanced, plain, u, v;
uniform float split, offset; uniform mat3 toColour; uniform vec2 size;
out vec4 colour;
float chroma(sampler2D plane, vec2 at) {
  return texture(plane, (at * 0.5 + vec2(0.5, 0.25)) / vec2(textureSize(plane, 0))).r - 128.0 / 255.0;
}
void main() {
  vec2 at = vec2(floor(gl_FragCoord.x), size.y - 1.0 - floor(gl_FragCoord.y));
  ivec2 i = ivec2(at);
  float y = gl_FragCoord.x < split * size.x ? texelFetch(plain, i, 0).r : texelFetch(enhanced, i, 0).r;
  colour = vec4(toColour * vec3(y - offset, chroma(u, at), chroma(v, at)), 1.0);
}`;

function range<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

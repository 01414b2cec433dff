/** The programs of the WebGL2 renderer. Each covers whole pixels and reads by whole positions: nothing is filtered. */

import { LOBES, TAPS } from "../taps";

const HEAD = `#version 300 es
precision highp float; precision highp int;
precision highp sampler2D; precision highp sampler2DArray; precision highp usampler2D; precision highp isampler2D;
`;

export const VERTEX = `#version 300 es
void main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0); }`;

/** Horizontal sums lie between -8670 and 41310 for any picture; unsigned 16-bit textures hold them with this added. */
export const SUM_OFFSET = 16384;

/** One row of a table of taps: three texels of four numbers, the middle sample first. */
const READ_TAPS = `
uniform isampler2D taps;
int tap[${TAPS}];
int readTaps(int index) {
  ivec4 a = texelFetch(taps, ivec2(0, index), 0), b = texelFetch(taps, ivec2(1, index), 0), c = texelFetch(taps, ivec2(2, index), 0);
  tap[0] = a.y; tap[1] = a.z; tap[2] = a.w; tap[3] = b.x; tap[4] = b.y; tap[5] = b.z; tap[6] = b.w; tap[7] = c.x; tap[8] = c.y;
  return a.x;
}`;

/** Sums along rows, in 1/128ths. */
export const ACROSS = `${HEAD}${READ_TAPS}
uniform sampler2D source;
out uint sum;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int centre = readTaps(at.x), last = textureSize(source, 0).x - 1, total = ${SUM_OFFSET};
  for (int j = 0; j < ${TAPS}; j++)
    total += tap[j] * int(texelFetch(source, ivec2(clamp(centre + j - ${LOBES}, 0, last), at.y), 0).r * 255.0 + 0.5);
  sum = uint(total);
}`;

const DOWN = `${READ_TAPS}
uniform usampler2D sums;
int sumDown(ivec2 at) {
  int centre = readTaps(at.y), last = textureSize(sums, 0).y - 1, total = 0;
  for (int j = 0; j < ${TAPS}; j++)
    total += tap[j] * (int(texelFetch(sums, ivec2(at.x, clamp(centre + j - ${LOBES}, 0, last)), 0).r) - ${SUM_OFFSET});
  return total;
}
float level(int total) { return float(clamp((total + 8192) >> 14, 0, 255)) / 255.0; }`;

/** The plain resize, finished. */
export const FINISH = `${HEAD}${DOWN}
out vec4 value;
void main() { value = vec4(level(sumDown(ivec2(gl_FragCoord.xy)))); }`;

/** The plain resize and, beside it, the same with the residual of the network added before its one rounding. */
export const ADD = `${HEAD}${DOWN}
uniform sampler2DArray residual;
uniform int block;
layout(location = 0) out vec4 enhanced;
layout(location = 1) out vec4 plain;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int total = sumDown(at), channel = (at.y % block) * block + at.x % block;
  float add = texelFetch(residual, ivec3(at / block + 1, channel >> 2), 0)[channel & 3];
  enhanced = vec4(clamp(floor(float(total) / 16384.0 + add + 0.5), 0.0, 255.0) / 255.0);
  plain = vec4(level(total));
}`;

/** Squares of pixels to channels, less the mean; the picture is continued to whole squares. */
export function foldShader(fold: number): string {
  const layers = Math.ceil(fold ** 2 / 4);
  const channel = (c: number) =>
    c < fold ** 2 ? `texelFetch(luma, min(at * ${fold} + ivec2(${c % fold}, ${Math.floor(c / fold)}), last), 0).r * 255.0 - mean` : "0.0";
  const outputs = range(layers, (i) => `layout(location = ${i}) out vec4 o${i};`);
  const writes = range(layers, (i) => `o${i} = vec4(${range(4, (j) => channel(4 * i + j)).join(", ")});`);
  return `${HEAD}uniform sampler2D luma; uniform float mean;
${outputs.join("\n")}
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy) - 1, last = textureSize(luma, 0) - 1;
  ${writes.join("\n  ")}
}`;
}

/** What one pass of a convolution computes: `groups` of four channels from all of `inputs`; relu between layers. */
export interface ConvolutionPass {
  readonly inputs: number;
  readonly groups: number;
  readonly relu: boolean;
}

/**
 * A 3x3 convolution. Features lie one pixel from the edge of their textures, so that what is read outside is the zero
 * that nothing ever wrote over, and no position has to be asked whether it exists.
 */
export function convolutionShader({ inputs, groups, relu }: ConvolutionPass): string {
  const taps = range(9, (tap) => tap);
  const adds = taps.flatMap((tap) =>
    range(Math.ceil(inputs / 4), (from) => {
      const at = `ivec3(at + ivec2(${(tap % 3) - 1}, ${Math.floor(tap / 3) - 1}), ${from})`;
      const weight = (group: number) => `w[${(group * 9 + tap) * Math.ceil(inputs / 4) + from}]`;
      return `x = texelFetch(features, ${at}, 0); ${range(groups, (g) => `a${g} += ${weight(g)} * x${inputs === 1 ? ".x" : ""};`).join(" ")}`;
    }),
  );
  const type = inputs === 1 ? "vec4" : "mat4";
  const outputs = range(groups, (g) => `layout(location = ${g}) out vec4 o${g};`);
  return `${HEAD}uniform sampler2DArray features;
layout(std140) uniform Weights { vec4 bias[${groups}]; ${type} w[${groups * 9 * Math.ceil(inputs / 4)}]; };
${outputs.join("\n")}
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  vec4 x, ${range(groups, (g) => `a${g} = bias[${g}]`).join(", ")};
  ${adds.join("\n  ")}
  ${range(groups, (g) => (relu ? `o${g} = max(a${g}, 0.0);` : `o${g} = a${g};`)).join(" ")}
}`;
}

/** Planes of a video element's picture, whose colours the browser has made already. `rows` as in `colourRows`. */
export const TAKE = `${HEAD}uniform sampler2D colours;
uniform int channel; uniform vec3 weights; uniform vec2 range_; uniform int step_;
out vec4 value;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy) * step_, last = textureSize(colours, 0) - 1;
  vec3 sum = vec3(0.0);
  for (int j = 0; j < step_; j++) sum += texelFetch(colours, min(at + ivec2(0, j), last), 0).rgb;
  value = vec4(dot(weights, sum / float(step_)) * range_.x + range_.y);
}`;

/** Planes to the canvas, the right way up: plain left of the split. Chroma lies between rows, on the left column. */
export const SHOW = `${HEAD}uniform sampler2D enhanced, plain, u, v;
uniform float split, offset; uniform mat3 toColour; uniform vec2 size;
out vec4 colour;
float chroma(sampler2D plane, vec2 at) {
  vec2 p = vec2(at.x * 0.5, at.y * 0.5 - 0.25), base = floor(p), f = p - base;
  ivec2 last = textureSize(plane, 0) - 1, low = clamp(ivec2(base), ivec2(0), last), high = min(ivec2(base) + 1, last);
  float top = mix(texelFetch(plane, low, 0).r, texelFetch(plane, ivec2(high.x, low.y), 0).r, f.x);
  float bottom = mix(texelFetch(plane, ivec2(low.x, high.y), 0).r, texelFetch(plane, high, 0).r, f.x);
  return mix(top, bottom, f.y) - 128.0 / 255.0;
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

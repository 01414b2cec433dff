/**
 * Writes the shaders of the WebGPU renderer: compute over buffers, one invocation a position. Planes lie in bytes, rows
 * tight.
 */

import { LOBES, TAPS } from "../taps";

/** Side of a workgroup over positions; invocations of one along a line. */
export const TILE = 8;
export const LINE = 64;

const BYTES = (name: string) =>
  `fn ${name}At(i: u32) -> i32 { return i32((${name}[i >> 2u] >> ((i & 3u) * 8u)) & 255u); }`;

/**
 * Writes a sum out instead of looping, since drivers differ in what they make of a loop. `term` is the summand of tap
 * j.
 */
const overTaps = (term: (j: number) => string) => Array.from({ length: TAPS }, (_, j) => term(j)).join(" + ");

/** Sums along rows, in 1/128ths. size: width and height in, width out. */
export const ACROSS = `
@group(0) @binding(0) var<uniform> size: vec4u;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read> taps: array<i32>;
@group(0) @binding(3) var<storage, read_write> sums: array<i32>;
${BYTES("source")}
@compute @workgroup_size(${TILE}, ${TILE}) fn main(@builtin(global_invocation_id) at: vec3u) {
  if (at.x >= size.z || at.y >= size.y) { return; }
  let row = at.x * ${TAPS + 1}u;
  let from_ = at.y * size.x; let left = taps[row] - ${LOBES}; let last = i32(size.x) - 1;
  sums[at.y * size.z + at.x] =
    ${overTaps((j) => `taps[row + ${j + 1}u] * sourceAt(from_ + u32(clamp(left + ${j}, 0, last)))`)};
}`;

const DOWN = `
@group(0) @binding(0) var<uniform> size: vec4u;
@group(0) @binding(1) var<storage, read> sums: array<i32>;
@group(0) @binding(2) var<storage, read> taps: array<i32>;
// Of the four pixels from one on; they share a row, and so its taps, where the width is a multiple of four.
fn sumsDown(first: u32) -> vec4i {
  let x = first % size.z;
  if (x + 4u > size.z) { return vec4i(sumDown(first), sumDown(first + 1u), sumDown(first + 2u), sumDown(first + 3u)); }
  let row = first / size.z * ${TAPS + 1}u;
  let top = taps[row] - ${LOBES}; let last = i32(size.y) - 1;
  return ${overTaps((j) => `taps[row + ${j + 1}u] * four(u32(clamp(top + ${j}, 0, last)) * size.z + x)`)};
}
fn four(i: u32) -> vec4i { return vec4i(sums[i], sums[i + 1u], sums[i + 2u], sums[i + 3u]); }
fn sumDown(i: u32) -> i32 {
  let x = i % size.z; let row = i / size.z * ${TAPS + 1}u;
  let top = taps[row] - ${LOBES}; let last = i32(size.y) - 1;
  return ${overTaps((j) => `taps[row + ${j + 1}u] * sums[u32(clamp(top + ${j}, 0, last)) * size.z + x]`)};
}
// Four levels as the bytes of a word; what lies beyond the end of the picture is padding, whatever was read for it.
fn word_(levels: vec4i) -> u32 {
  return dot(vec4u(clamp(levels, vec4i(), vec4i(255))), vec4u(1u, 256u, 65536u, 16777216u));
}
fn plainWord(totals: vec4i) -> u32 { return word_((totals + 8192) >> vec4u(14u)); }`;

/** Finishes the plain resize, four pixels an invocation. size: width in, height in, width out, height out. */
export const FINISH = `${DOWN}
@group(0) @binding(3) var<storage, read_write> plain: array<u32>;
@compute @workgroup_size(${LINE}) fn main(@builtin(global_invocation_id) at: vec3u, @builtin(num_workgroups) count: vec3u) {
  let word = at.y * count.x * ${LINE}u + at.x;
  if (word * 4u >= size.z * size.w) { return; }
  plain[word] = plainWord(sumsDown(word * 4u));
}`;

/** Finishes the plain resize and, beside it, the same with the residual added before the one rounding. */
export function addShader(block: number, groups: number): string {
  return `${DOWN}
@group(0) @binding(3) var<storage, read_write> plain: array<u32>;
@group(0) @binding(4) var<storage, read_write> enhanced: array<u32>;
@group(0) @binding(5) var<storage, read> residual: array<vec4f>;
fn residualAt(i: u32) -> f32 {
  let x = i % size.z; let y = i / size.z;
  let channel = (y % ${block}u) * ${block}u + x % ${block}u;
  let position = (y / ${block}u + 1u) * ((size.z + ${block - 1}u) / ${block}u + 2u) + x / ${block}u + 1u;
  return residual[position * ${groups}u + (channel >> 2u)][channel & 3u];
}
@compute @workgroup_size(${LINE}) fn main(@builtin(global_invocation_id) at: vec3u, @builtin(num_workgroups) count: vec3u) {
  let word = at.y * count.x * ${LINE}u + at.x;
  let i = word * 4u;
  if (i >= size.z * size.w) { return; }
  let totals = sumsDown(i);
  let add = vec4f(residualAt(i), residualAt(i + 1u), residualAt(i + 2u), residualAt(i + 3u));
  plain[word] = plainWord(totals);
  enhanced[word] = word_(vec4i(floor(vec4f(totals) / 16384.0 + add + 0.5)));
}`;
}

/** Folds squares of pixels into channels, less the mean. size: width, height, columns, rows of squares. */
export function foldShader(fold: number): string {
  const groups = Math.ceil(fold ** 2 / 4);
  const value = (c: number) =>
    c < fold ** 2
      ? `f32(lumaAt(min(at.y * ${fold}u + ${Math.floor(c / fold)}u, size.y - 1u) * size.x + min(at.x * ${fold}u + ${c % fold}u, size.x - 1u))) - mean.x`
      : "0.0";
  const writes = range(
    groups,
    (g) => `to[place * ${groups}u + ${g}u] = vec4f(${range(4, (j) => value(4 * g + j)).join(", ")});`,
  );
  return `
@group(0) @binding(0) var<uniform> size: vec4u;
@group(0) @binding(1) var<storage, read> luma: array<u32>;
@group(0) @binding(2) var<storage, read_write> to: array<vec4f>;
@group(0) @binding(3) var<uniform> mean: vec4f;
${BYTES("luma")}
@compute @workgroup_size(${TILE}, ${TILE}) fn main(@builtin(global_invocation_id) at: vec3u) {
  if (at.x >= size.z || at.y >= size.w) { return; }
  let place = (at.y + 1u) * (size.z + 2u) + at.x + 1u;
  ${writes.join("\n  ")}
}`;
}

/** Adds two results of `groups` groups each. size: columns and rows of positions at z, w. */
export function sumShader(groups: number): string {
  return `
@group(0) @binding(0) var<uniform> size: vec4u;
@group(0) @binding(1) var<storage, read> one: array<vec4f>;
@group(0) @binding(2) var<storage, read> other: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> to: array<vec4f>;
@compute @workgroup_size(${TILE}, ${TILE}) fn main(@builtin(global_invocation_id) at: vec3u) {
  if (at.x >= size.z || at.y >= size.w) { return; }
  let place = ((at.y + 1u) * (size.z + 2u) + at.x + 1u) * ${groups}u;
  ${range(groups, (g) => `to[place + ${g}u] = one[place + ${g}u] + other[place + ${g}u];`).join("\n  ")}
}`;
}

/** One pass of a convolution: `groups` of four channels from `first` on, of `all` there are. */
export interface ConvolutionPass {
  readonly inputs: number;
  readonly groups: number;
  readonly first: number;
  readonly all: number;
  readonly relu: boolean;
}

/** Neighbours along a row that one invocation computes, so that each weight is read once for all of them. */
export function pixelsOf(groups: number): number {
  return groups > 4 ? 2 : 4;
}

/** Computes a 3x3 convolution over positions with a border of zeros that is never written. */
export function convolutionShader({ inputs, groups, first, all, relu }: ConvolutionPass): string {
  const from = Math.ceil(inputs / 4);
  const pixels = pixelsOf(groups);
  const each = <T>(make: (group: number, pixel: number) => T) =>
    range(groups, (g) => range(pixels, (p) => make(g, p))).flat();
  const steps = range(3, (row) =>
    range(from, (g) => {
      const reads = range(
        pixels + 2,
        (p) => `x${p} = features[(corner + ${row}u * stride + ${p}u) * ${from}u + ${g}u];`,
      );
      const sums = range(3, (column) =>
        range(groups, (k) => {
          const weight = `m = weights.w[${(k * 9 + row * 3 + column) * from + g}];`;
          const adds = range(pixels, (p) => `a${k}_${p} += m * x${p + column}${inputs === 1 ? ".x" : ""};`);
          return [weight, ...adds].join(" ");
        }),
      ).flat();
      return [...reads, ...sums].join("\n  ");
    }),
  ).flat();
  const type = inputs === 1 ? "vec4f" : "mat4x4f";
  const write = (p: number) =>
    range(groups, (k) => {
      const sum = `a${k}_${p}`;
      return `to[place + ${p * all + k}u] = ${relu ? `max(${sum}, vec4f())` : sum};`;
    }).join(" ");
  return `
struct Weights { bias: array<vec4f, ${groups}>, w: array<${type}, ${groups * 9 * from}> }
@group(0) @binding(0) var<uniform> size: vec4u;
@group(0) @binding(1) var<storage, read> features: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> to: array<vec4f>;
@group(1) @binding(0) var<uniform> weights: Weights;
@compute @workgroup_size(${TILE}, ${TILE}) fn main(@builtin(global_invocation_id) at: vec3u) {
  let left = at.x * ${pixels}u;
  if (left >= size.z || at.y >= size.w) { return; }
  let stride = size.z + 2u;
  let corner = at.y * stride + left;
  var m: ${type};
  ${range(pixels + 2, (p) => `var x${p}: vec4f;`).join(" ")}
  ${each((k, p) => `var a${k}_${p} = weights.bias[${k}];`).join(" ")}
  ${steps.join("\n  ")}
  let place = (corner + stride + 1u) * ${all}u + ${first}u;
  ${range(pixels, (p) => `if (left + ${p}u < size.z) { ${write(p)} }`).join("\n  ")}
}`;
}

/** Draws planes to the canvas: plain left of the split. Chroma lies between rows, on the left column. */
export const SHOW = `
struct View { size: vec2f, split: f32, offset: f32, toColour: mat3x3f }
@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<storage, read> enhanced: array<u32>;
@group(0) @binding(2) var<storage, read> plain: array<u32>;
@group(0) @binding(3) var<storage, read> u: array<u32>;
@group(0) @binding(4) var<storage, read> v: array<u32>;
${["enhanced", "plain", "u", "v"].map(BYTES).join("\n")}
@vertex fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(vec2f(f32(i & 1u), f32(i >> 1u)) * 4.0 - 1.0, 0.0, 1.0);
}
@fragment fn show(@builtin(position) position: vec4f) -> @location(0) vec4f {
  let at = floor(position.xy);
  let i = u32(at.y) * u32(view.size.x) + u32(at.x);
  let y = f32(select(enhancedAt(i), plainAt(i), position.x < view.split * view.size.x)) / 255.0;
  let half = (vec2i(view.size) + 1) / 2;
  let p = vec2f(at.x * 0.5, at.y * 0.5 - 0.25);
  let f = fract(p);
  let low = clamp(vec2i(floor(p)), vec2i(0), half - 1);
  let high = min(vec2i(floor(p)) + 1, half - 1);
  let places = vec4u(vec4i(low.y * half.x + low.x, low.y * half.x + high.x, high.y * half.x + low.x, high.y * half.x + high.x));
  let us = vec4f(f32(uAt(places.x)), f32(uAt(places.y)), f32(uAt(places.z)), f32(uAt(places.w)));
  let vs = vec4f(f32(vAt(places.x)), f32(vAt(places.y)), f32(vAt(places.z)), f32(vAt(places.w)));
  let share = vec4f((1.0 - f.x) * (1.0 - f.y), f.x * (1.0 - f.y), (1.0 - f.x) * f.y, f.x * f.y);
  let chroma = (vec2f(dot(us, share), dot(vs, share)) - 128.0) / 255.0;
  return vec4f(view.toColour * vec3f(y - view.offset, chroma), 1.0);
}`;

function range<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/**
 * Computes pictures on machines without a graphics device: AssemblyScript, built into kernel.wasm with SIMD.
 *
 * Memory is laid out by the caller (src/render/wasm/band.ts); nothing is allocated here. Features are 32-bit numbers,
 * [row][position][channel], with a border of zeros; channels come in fours, positions of a row in eights.
 */

const FLOAT: usize = 4;
const LOBES: i32 = 4;
/** Bytes of a row of a table of taps: the middle sample, then nine taps. */
const ENTRY: usize = 20;
/** Offset that makes sums along rows, which lie between -8670 and 41310, fit 16 signed bits. */
const SUM_OFFSET: i32 = 16384;

/** Folds squares of `fold` pixels into channels, less the mean, for `count` rows of positions from `first` on. */
export function fold(
  luma: usize, width: i32, height: i32, fold: i32, mean: f32, to: usize, stride: i32, first: i32, count: i32,
): void {
  const columns = (width + fold - 1) / fold;
  for (let row = 0; row < count; row++) {
    let at = to + <usize>(row * stride * fold * fold) * FLOAT;
    for (let column = 0; column < columns; column++) {
      for (let y = 0; y < fold; y++) {
        const line = luma + min((first + row) * fold + y, height - 1) * width;
        for (let x = 0; x < fold; x++) {
          store<f32>(at, <f32>load<u8>(line + min(column * fold + x, width - 1)) - mean);
          at += FLOAT;
        }
      }
    }
  }
}

/**
 * Computes eight channels of a 3x3 convolution, four positions at a time. `from` is the corner above and left of the
 * first position, `stride` the positions of a row with its border; `weights` holds eight biases, then [row][tap][input]
 * of eight. `lowest` is 0 for ReLU, or less than any sum.
 */
export function convolve8(
  from: usize, to: usize, weights: usize, columns: i32, rows: i32, inputs: i32, outputs: i32, stride: i32, lowest: f32,
): void {
  const step = <usize>inputs * FLOAT, out = <usize>outputs * FLOAT;
  const floor = f32x4.splat(lowest);
  for (let row = 0; row < rows; row++) {
    const line = from + <usize>row * <usize>stride * step, target = to + <usize>row * <usize>stride * out;
    for (let column = 0; column < columns; column += 4) {
      let w = weights + 32;
      let a0 = v128.load(weights), b0 = v128.load(weights, 16);
      let a1 = a0, b1 = b0, a2 = a0, b2 = b0, a3 = a0, b3 = b0;
      for (let tap = 0; tap < 3; tap++) {
        let p = line + (<usize>tap * <usize>stride + <usize>column) * step;
        let q = p + step, r = q + step, s = r + step;
        const end = s;
        while (p < end) {
          const m = v128.load(w), n = v128.load(w, 16);
          let x = v128.load_splat<f32>(p);
          a0 = f32x4.add(a0, f32x4.mul(x, m)); b0 = f32x4.add(b0, f32x4.mul(x, n));
          x = v128.load_splat<f32>(q);
          a1 = f32x4.add(a1, f32x4.mul(x, m)); b1 = f32x4.add(b1, f32x4.mul(x, n));
          x = v128.load_splat<f32>(r);
          a2 = f32x4.add(a2, f32x4.mul(x, m)); b2 = f32x4.add(b2, f32x4.mul(x, n));
          x = v128.load_splat<f32>(s);
          a3 = f32x4.add(a3, f32x4.mul(x, m)); b3 = f32x4.add(b3, f32x4.mul(x, n));
          w += 32; p += FLOAT; q += FLOAT; r += FLOAT; s += FLOAT;
        }
      }
      let t = target + <usize>column * out;
      v128.store(t, f32x4.max(a0, floor)); v128.store(t, f32x4.max(b0, floor), 16); t += out;
      v128.store(t, f32x4.max(a1, floor)); v128.store(t, f32x4.max(b1, floor), 16); t += out;
      v128.store(t, f32x4.max(a2, floor)); v128.store(t, f32x4.max(b2, floor), 16); t += out;
      v128.store(t, f32x4.max(a3, floor)); v128.store(t, f32x4.max(b3, floor), 16);
    }
    clear(target, columns, out, 32);
  }
}

/** Computes four channels of a 3x3 convolution, eight positions at a time; arguments as for `convolve8`. */
export function convolve4(
  from: usize, to: usize, weights: usize, columns: i32, rows: i32, inputs: i32, outputs: i32, stride: i32, lowest: f32,
): void {
  const step = <usize>inputs * FLOAT, out = <usize>outputs * FLOAT;
  const floor = f32x4.splat(lowest);
  for (let row = 0; row < rows; row++) {
    const line = from + <usize>row * <usize>stride * step, target = to + <usize>row * <usize>stride * out;
    for (let column = 0; column < columns; column += 8) {
      let w = weights + 16;
      let a0 = v128.load(weights);
      let a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
      for (let tap = 0; tap < 3; tap++) {
        let p = line + (<usize>tap * <usize>stride + <usize>column) * step;
        let q = p + step, r = q + step, s = r + step;
        const end = s, four = step << 2;
        while (p < end) {
          const m = v128.load(w);
          a0 = f32x4.add(a0, f32x4.mul(v128.load_splat<f32>(p), m));
          a1 = f32x4.add(a1, f32x4.mul(v128.load_splat<f32>(q), m));
          a2 = f32x4.add(a2, f32x4.mul(v128.load_splat<f32>(r), m));
          a3 = f32x4.add(a3, f32x4.mul(v128.load_splat<f32>(s), m));
          a4 = f32x4.add(a4, f32x4.mul(v128.load_splat<f32>(p + four), m));
          a5 = f32x4.add(a5, f32x4.mul(v128.load_splat<f32>(q + four), m));
          a6 = f32x4.add(a6, f32x4.mul(v128.load_splat<f32>(r + four), m));
          a7 = f32x4.add(a7, f32x4.mul(v128.load_splat<f32>(s + four), m));
          w += 16; p += FLOAT; q += FLOAT; r += FLOAT; s += FLOAT;
        }
      }
      let t = target + <usize>column * out;
      v128.store(t, f32x4.max(a0, floor)); t += out;
      v128.store(t, f32x4.max(a1, floor)); t += out;
      v128.store(t, f32x4.max(a2, floor)); t += out;
      v128.store(t, f32x4.max(a3, floor)); t += out;
      v128.store(t, f32x4.max(a4, floor)); t += out;
      v128.store(t, f32x4.max(a5, floor)); t += out;
      v128.store(t, f32x4.max(a6, floor)); t += out;
      v128.store(t, f32x4.max(a7, floor));
    }
    clear(target, columns, out, 16);
  }
}

/** Adds two results of `channels` channels; rows of positions are `stride` apart. */
export function sum(one: usize, other: usize, to: usize, columns: i32, rows: i32, channels: i32, stride: i32): void {
  const pitch = <usize>stride * <usize>channels * FLOAT;
  const length = <usize>columns * <usize>channels * FLOAT;
  for (let row = 0; row < rows; row++) {
    const line = <usize>row * pitch;
    for (let at = line, end = line + length; at < end; at += FLOAT) {
      store<f32>(to + at, load<f32>(one + at) + load<f32>(other + at));
    }
  }
}

/** Zeroes the border again if a vector wrote beyond the last position of a row. */
function clear(line: usize, columns: i32, out: usize, bytes: usize): void {
  for (let column = columns; column & 7; column++) memory.fill(line + <usize>column * out, 0, bytes);
}

/**
 * Sums along `rows` rows of a plane, in 1/128ths, less SUM_OFFSET, `stride` 16-bit numbers a row. `line` is room for
 * one row with its edges repeated.
 */
export function across(
  source: usize, width: i32, rows: i32, taps: usize, widthOut: i32, stride: i32, line: usize, to: usize,
): void {
  for (let row = 0; row < rows; row++) {
    const from = source + row * width;
    memory.fill(line, load<u8>(from), LOBES);
    memory.copy(line + LOBES, from, width);
    memory.fill(line + LOBES + width, load<u8>(from + width - 1), LOBES);
    let entry = taps, at = to + <usize>(row * stride) * 2;
    for (let x = 0; x < widthOut; x++) {
      const samples = line + load<i16>(entry);
      const eight = i32x4.dot_i16x8_s(v128.load_ext<u8>(samples), v128.load(entry, 2));
      const four = i32x4.add(eight, v128.shuffle<i32>(eight, eight, 2, 3, 0, 1));
      const ninth = <i32>load<u8>(samples, 8) * <i32>load<i16>(entry, 18);
      store<i16>(at, i32x4.extract_lane(four, 0) + i32x4.extract_lane(four, 1) + ninth - SUM_OFFSET);
      entry += ENTRY;
      at += 2;
    }
  }
}

/**
 * Sums down the columns of those sums: rows `first` to `first + rows` of the plain resize, in bytes, and, unless
 * `residual` is 0, the same with a residual added before the one rounding. `sums` is the address of row 0 of the
 * source; `residual` lies in planes as `spread` leaves them, for one row of output after the other.
 */
export function down(
  sums: usize, stride: i32, height: i32, taps: usize, first: i32, rows: i32, plain: usize, residual: usize, enhanced: usize,
): void {
  const pitch = stride << 1;
  for (let row = 0; row < rows; row++) {
    const entry = taps + <usize>(first + row) * ENTRY;
    const centre = <i32>load<i16>(entry);
    const t01 = i32x4.splat(load<i32>(entry, 2)), t23 = i32x4.splat(load<i32>(entry, 6));
    const t45 = i32x4.splat(load<i32>(entry, 10)), t67 = i32x4.splat(load<i32>(entry, 14));
    const t8 = i16x8.splat(load<i16>(entry, 18));
    const s0 = line(sums, pitch, centre - 4, height), s1 = line(sums, pitch, centre - 3, height);
    const s2 = line(sums, pitch, centre - 2, height), s3 = line(sums, pitch, centre - 1, height);
    const s4 = line(sums, pitch, centre, height), s5 = line(sums, pitch, centre + 1, height);
    const s6 = line(sums, pitch, centre + 2, height), s7 = line(sums, pitch, centre + 3, height);
    const s8 = line(sums, pitch, centre + 4, height);
    for (let x: usize = 0; x < <usize>stride; x += 8) {
      const i = x << 1;
      // The taps add up to 128, so that much of what was taken off comes back.
      let low = i32x4.splat(SUM_OFFSET << 7), high = low;
      let a = v128.load(s0 + i), b = v128.load(s1 + i);
      low = i32x4.add(low, lows(a, b, t01)); high = i32x4.add(high, highs(a, b, t01));
      a = v128.load(s2 + i); b = v128.load(s3 + i);
      low = i32x4.add(low, lows(a, b, t23)); high = i32x4.add(high, highs(a, b, t23));
      a = v128.load(s4 + i); b = v128.load(s5 + i);
      low = i32x4.add(low, lows(a, b, t45)); high = i32x4.add(high, highs(a, b, t45));
      a = v128.load(s6 + i); b = v128.load(s7 + i);
      low = i32x4.add(low, lows(a, b, t67)); high = i32x4.add(high, highs(a, b, t67));
      a = v128.load(s8 + i);
      low = i32x4.add(low, i32x4.extmul_low_i16x8_s(a, t8)); high = i32x4.add(high, i32x4.extmul_high_i16x8_s(a, t8));
      const at = <usize>row * <usize>stride + x;
      const half = i32x4.splat(8192);
      bytes(plain + at, i32x4.shr_s(i32x4.add(low, half), 14), i32x4.shr_s(i32x4.add(high, half), 14));
      if (residual) {
        const add = residual + at * FLOAT;
        bytes(enhanced + at, rounded(low, v128.load(add)), rounded(high, v128.load(add, 16)));
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function line(sums: usize, pitch: i32, row: i32, height: i32): usize {
  return sums + max(0, min(row, height - 1)) * pitch;
}

// @ts-ignore: decorator
@inline
function lows(a: v128, b: v128, taps: v128): v128 {
  return i32x4.dot_i16x8_s(v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11), taps);
}

// @ts-ignore: decorator
@inline
function highs(a: v128, b: v128, taps: v128): v128 {
  return i32x4.dot_i16x8_s(v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15), taps);
}

// @ts-ignore: decorator
@inline
function rounded(total: v128, add: v128): v128 {
  const sum = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(total), f32x4.splat(1.0 / 16384.0)), add);
  return i32x4.trunc_sat_f32x4_s(f32x4.floor(f32x4.add(sum, f32x4.splat(0.5))));
}

// @ts-ignore: decorator
@inline
function bytes(to: usize, low: v128, high: v128): void {
  const words = i16x8.narrow_i32x4_s(low, high);
  v128.store64_lane(to, i8x16.narrow_i16x8_u(words, words), 0);
}

/** Shuffles the channels of `rows` rows of positions into `rows` · `block` rows of pixels, `strideOut` numbers each. */
export function spread(
  from: usize, stride: i32, channels: i32, columns: i32, rows: i32, block: i32, to: usize, strideOut: i32,
): void {
  for (let row = 0; row < rows * block; row++) {
    let at = from + <usize>((row / block) * stride * channels + (row % block) * block) * FLOAT;
    let target = to + <usize>(row * strideOut) * FLOAT;
    for (let column = 0; column < columns; column++) {
      if (block === 2) store<u64>(target, load<u64>(at));
      else for (let x = 0; x < block; x++) store<f32>(target + <usize>x * FLOAT, load<f32>(at + <usize>x * FLOAT));
      at += <usize>channels * FLOAT;
      target += <usize>block * FLOAT;
    }
  }
}

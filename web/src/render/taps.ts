/** Computes the taps of the plain resize (docs/bundle.md, "Plain resize"): whole 1/128ths over nine source samples. */

export const LOBES = 4;
export const TAPS = 2 * LOBES + 1;
const UNIT = 128;

/** Returns, for each of `sizeOut` samples, the middle source sample and its nine taps. */
export function resizeTaps(sizeIn: number, sizeOut: number): Int16Array {
  const table = new Int16Array(sizeOut * (TAPS + 1));
  for (let index = 0; index < sizeOut; index++) {
    const doubled = (2 * index + 1) * sizeIn;
    const centre = Math.floor(doubled / (2 * sizeOut));
    const offset = (doubled - (2 * centre + 1) * sizeOut) / (2 * sizeOut);
    table.set([centre, ...tapsAt(offset)], index * (TAPS + 1));
  }
  return table;
}

/** Returns the taps of a sample that lies `offset`, -½ to ½, from the middle source sample. */
function tapsAt(offset: number): number[] {
  const weights = Array.from({ length: TAPS }, (_, index) => lanczos(index - LOBES - offset));
  const sum = weights.reduce((a, b) => a + b);
  const taps = weights.map((weight) => Math.round((UNIT * weight) / sum));
  // What rounding leaves over goes where it matters least.
  taps[taps.indexOf(Math.max(...taps))] += UNIT - taps.reduce((a, b) => a + b);
  return taps;
}

function lanczos(x: number): number {
  if (Math.abs(x) >= LOBES) return 0;
  if (x === 0) return 1;
  return (LOBES * Math.sin(Math.PI * x) * Math.sin((Math.PI * x) / LOBES)) / (Math.PI * x) ** 2;
}

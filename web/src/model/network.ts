/** Networks by name, as docs/bundle.md ("Model files") defines them. */

/** A member of the family CnDm: `width` channels, `depth` hidden layers, each position a square of `fold` pixels. */
export interface NetworkSpec {
  readonly scale: number;
  readonly width: number;
  readonly depth: number;
  readonly fold: number;
}

/** The model or network is made by a newer version: its segments are played plainly. */
export class UnknownNetworkError extends Error {}

const NAME = /^c([1-9]\d{0,2})d(0|[1-9]\d?)(?:f([24]))?$/;

/** Throws UnknownNetworkError where a value lies outside what the page of the format allows. */
export function networkSpec(scale: number, width: number, depth: number, fold: number): NetworkSpec {
  const known =
    scale >= 1 && scale <= 4 && width >= 1 && width <= 128 && depth >= 0 && depth <= 16 && [1, 2, 4].includes(fold);
  if (!known || (scale === 1 && fold === 1)) {
    throw new UnknownNetworkError(`no network c${width}d${depth} with fold ${fold} at x${scale} is known`);
  }
  return { scale, width, depth, fold };
}

/** The network that a manifest calls `name`, such as `c16d2` or `c16d2f2`. Throws UnknownNetworkError. */
export function parseNetwork(name: string, scale: number): NetworkSpec {
  const match = NAME.exec(name);
  if (!match) throw new UnknownNetworkError(`network ${name.slice(0, 40)} is not known`);
  return networkSpec(scale, Number(match[1]), Number(match[2]), Number(match[3] ?? 1));
}

/** [channels in, channels out] of each 3x3 convolution, first to last. */
export function layersOf(spec: NetworkSpec): [number, number][] {
  const hidden = Array.from({ length: spec.depth }, (): [number, number] => [spec.width, spec.width]);
  return [[spec.fold ** 2, spec.width], ...hidden, [spec.width, (spec.fold * spec.scale) ** 2]];
}

export function sameSpec(a: NetworkSpec, b: NetworkSpec): boolean {
  return a.scale === b.scale && a.width === b.width && a.depth === b.depth && a.fold === b.fold;
}

/**
 * Networks as data: a name, a scale and a short list of operations (docs/bundle.md, "Model files").
 *
 * A network family is written here and nowhere else in TypeScript: the model reader and the three renderers interpret
 * the list. Python has the same list in `manifests/networks.py`.
 */

/**
 * Space to depth: each square of `factor` x `factor` pixels becomes one position, its pixels channels in row order.
 * The first operation of every network; its result is the luma less the model's input mean.
 */
export interface Fold {
  readonly op: "Fold";
  readonly factor: number;
}

/** Convolution 3x3 with bias, zeros around the picture, then ReLU if `relu`. The n-th takes the model's n-th layer. */
export interface Conv {
  readonly op: "Conv";
  readonly inputs: number;
  readonly outputs: number;
  readonly relu: boolean;
}

/** Adds the result of an earlier operation, which has as many channels. */
export interface Add {
  readonly op: "Add";
  /** Index of that operation in the list, from 0. */
  readonly operation: number;
}

/** Adds the base, which is the plain resize by the network's scale before its rounding, then rounds to 8-bit levels. */
export interface AddBase {
  readonly op: "AddBase";
}

/** Depth to space: the reverse of `Fold`. The last operation of every network. */
export interface Shuffle {
  readonly op: "Shuffle";
  readonly factor: number;
}

export type Operation = Fold | Conv | Add | AddBase | Shuffle;

/** One network: everything that a renderer has to know about it. */
export interface NetworkSpec {
  /** `c16d2`, or `c16d2f2` with a fold; together with the scale it identifies the network. */
  readonly name: string;
  /** Enlargement of the picture that goes in, 1 to 4. */
  readonly scale: number;
  /** The graph, first operation to last. */
  readonly operations: readonly Operation[];
}

/** The model or network needs a newer version of this page; its segments are played plain. */
export class UnknownNetworkError extends Error {}

/** Numbers that choose a member of a family. */
interface Member {
  readonly scale: number;
  readonly width: number;
  readonly depth: number;
  readonly fold: number;
}

/** The family CnDm: convolutions one after the other, ReLU between them. */
function chain({ scale, width, depth, fold }: Member): Operation[] {
  const side = fold * scale;
  const hidden = Array.from({ length: depth }, (): Conv => ({ op: "Conv", inputs: width, outputs: width, relu: true }));
  return [
    { op: "Fold", factor: fold },
    { op: "Conv", inputs: fold ** 2, outputs: width, relu: true },
    ...hidden,
    { op: "Conv", inputs: width, outputs: side ** 2, relu: false },
    { op: "AddBase" },
    { op: "Shuffle", factor: side },
  ];
}

/** Graph of a member, by the form that ends the network's name. */
const FORMS: Readonly<Record<string, (member: Member) => Operation[]>> = { "": chain };

/** Fold and form, by the family byte of a model file. A number never changes its meaning. */
const FAMILIES: Readonly<Record<number, { fold: number; form: string }>> = {
  1: { fold: 1, form: "" },
  2: { fold: 2, form: "" },
  3: { fold: 4, form: "" },
};

const NAME = new RegExp(`^c([1-9]\\d{0,2})d(0|[1-9]\\d?)(?:f([24]))?(${Object.keys(FORMS).join("|")})$`);

/** Returns the network that a manifest calls `name`, such as `c16d2` or `c16d2f2`. Throws UnknownNetworkError. */
export function parseNetwork(name: string, scale: number): NetworkSpec {
  const match = NAME.exec(name);
  if (!match) throw new UnknownNetworkError(`network ${name.slice(0, 40)} is not known`);
  const [, width, depth, fold = "1", form] = match;
  return networkSpec({ scale, width: Number(width), depth: Number(depth), fold: Number(fold) }, form);
}

/** Returns the network of a model file's header. Throws UnknownNetworkError. */
export function networkOfFamily(family: number, scale: number, width: number, depth: number): NetworkSpec {
  const known = FAMILIES[family];
  if (!known) throw new UnknownNetworkError(`model file of family ${family}`);
  return networkSpec({ scale, width, depth, fold: known.fold }, known.form);
}

function networkSpec(member: Member, form: string): NetworkSpec {
  const { scale, width, depth, fold } = member;
  const name = `c${width}d${depth}${fold > 1 ? `f${fold}` : ""}${form}`;
  const inRange = scale >= 1 && scale <= 4 && width >= 1 && width <= 128 && depth >= 0 && depth <= 16;
  const isFamily = Object.values(FAMILIES).some((family) => family.fold === fold && family.form === form);
  if (!inRange || !isFamily || (scale === 1 && fold === 1)) {
    throw new UnknownNetworkError(`no network ${name} at x${scale} is known`);
  }
  return { name, scale, operations: FORMS[form](member) };
}

/** Returns the convolutions, first to last; the n-th takes the n-th layer of a model file. */
export function convolutionsOf({ operations }: NetworkSpec): Conv[] {
  return operations.filter((operation) => operation.op === "Conv");
}

export function sameSpec(a: NetworkSpec | null, b: NetworkSpec | null): boolean {
  return a?.name === b?.name && a?.scale === b?.scale;
}

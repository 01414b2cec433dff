/** SHA-256: the browser's own where it gives it away, which it does to pages from HTTPS or this machine alone. */

export async function sha256Hex(data: Uint8Array): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  const digest = subtle ? new Uint8Array(await subtle.digest("SHA-256", data as BufferSource)) : sha256(data);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** FIPS 180-4. */
export function sha256(data: Uint8Array): Uint8Array {
  const state = ROOTS.slice(0, 8).map((root) => fractionBits(Math.sqrt(root)));
  const constants = ROOTS.map((root) => fractionBits(Math.cbrt(root)));
  const padded = new Uint8Array(Math.ceil((data.length + 9) / 64) * 64);
  padded.set(data);
  padded[data.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(data.length) * 8n);
  for (let block = 0; block < padded.length; block += 64) addBlock(state, constants, view, block);
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => digest.setUint32(4 * index, word));
  return new Uint8Array(digest.buffer);
}

const ROOTS = primes(64);

function primes(count: number): number[] {
  const found: number[] = [];
  for (let value = 2; found.length < count; value++) if (found.every((prime) => value % prime)) found.push(value);
  return found;
}

function fractionBits(value: number): number {
  return Math.floor((value - Math.floor(value)) * 2 ** 32) >>> 0;
}

function addBlock(state: number[], constants: number[], view: DataView, block: number): void {
  const turned = (value: number, bits: number) => (value >>> bits) | (value << (32 - bits));
  const words = Array.from({ length: 16 }, (_, index) => view.getUint32(block + 4 * index));
  for (let t = 16; t < 64; t++) {
    const [early, late] = [words[t - 15], words[t - 2]];
    const first = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
    const second = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
    words[t] = (words[t - 16] + first + words[t - 7] + second) >>> 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let t = 0; t < 64; t++) {
    const chosen = (e & f) ^ (~e & g);
    const first = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + chosen + constants[t] + words[t]) >>> 0;
    const most = (a & b) ^ (a & c) ^ (b & c);
    const second = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + most) >>> 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) >>> 0, c, b, a, (first + second) >>> 0];
  }
  [a, b, c, d, e, f, g, h].forEach((value, index) => { state[index] = (state[index] + value) >>> 0; });
}

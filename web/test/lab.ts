/** Exports the parts of the player one by one for the tests and the measurements; it is not part of the page. */

export { sha256 } from "@noble/hashes/sha2.js";
export { decodeModel } from "../src/model/ndm";
export { parseTable } from "../src/model/table";
export { EffortMeter } from "../src/playback/effort";
export { fromColours } from "../src/playback/planes";
export { channelsOf, likeTrack, mainTrack, namesOf, wantedTrack } from "../src/playback/tracks";
export { openRenderer } from "../src/render/open";
export { resizeTaps } from "../src/render/taps";

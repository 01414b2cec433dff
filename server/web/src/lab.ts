/** The parts of the player, one by one, for the tests and the measurements: never part of the page. */

export { decodeModel } from "./model/ndm";
export { sha256, sha256Hex } from "./model/sha256";
export { parseTable } from "./model/table";
export { EffortMeter } from "./playback/effort";
export { fromColours } from "./playback/planes";
export { channelsOf, likeTrack, mainTrack, namesOf, wantedTrack } from "./playback/tracks";
export { resizeTaps } from "./render/taps";
export { openRenderer } from "./render/open";

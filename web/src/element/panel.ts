/** Answers "is it on?" in a panel. */

import type { Status } from "../playback/status";

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const [size, unit] = count < 1e6 ? [count / 1e3, "kB"] : count < 1e9 ? [count / 1e6, "MB"] : [count / 1e9, "GB"];
  return `${size.toFixed(size < 10 ? 1 : 0)} ${unit}`;
}

export function bitrate(bps: number): string {
  return bps < 1e6 ? `${Math.round(bps / 1e3)} kbit/s` : `${(bps / 1e6).toFixed(1)} Mbit/s`;
}

/** Returns the answer in one line: a word, and the rest of the sentence. */
export function headline({ state, reason, rung, output, model }: Status): { word: Status["state"]; why: string } {
  if (state !== "enhanced" || !rung || !output || !model) return { word: state, why: reason };
  const sizes = `${rung.width}×${rung.height} shown at ${output.width}×${output.height}`;
  return { word: state, why: `${sizes} by ${model.network}${gain(model.gainDb)}${reason && `; ${reason}`}` };
}

/** Returns label and text of each line. */
export function lines(status: Status): [string, string][] {
  const { rung, model, output } = status;
  const per = status.msPerFrame;
  const share = status.videoBytes
    ? ` (${((100 * status.modelBytes) / status.videoBytes).toFixed(1)} % of the video)`
    : "";
  return [
    ["Rung", rung ? `${rung.id}, ${rung.width}×${rung.height}, ${bitrate(rung.bandwidthBps)}` : "–"],
    ["Picture", output ? `${output.width}×${output.height}` : "as decoded"],
    ["Model", model ? `${model.network}, ${model.sha256.slice(0, 8)}${gain(model.gainDb)}` : "–"],
    ["Video and sound", bytes(status.videoBytes)],
    ["Models", bytes(status.modelBytes) + share],
    ["Network", status.bandwidthBps ? bitrate(status.bandwidthBps) : "–"],
    [
      "Enhancing",
      per === null ? "–" : `${per.toFixed(1)} ms a frame, up to ${Math.floor(1000 / Math.max(per, 0.1))} a second`,
    ],
    ["By", status.renderer === "none" ? "–" : `${status.renderer}, ${status.device}`],
    [
      "Frames",
      `${status.framesEnhanced} enhanced, ${status.framesPlain} plain, ${status.framesMissed} missed, ${status.framesDropped} dropped`,
    ],
  ];
}

export function drawPanel(list: HTMLElement, status: Status): void {
  const now = lines(status);
  if (list.children.length !== now.length) {
    list.replaceChildren(
      ...now.map(([label]) => {
        const line = document.createElement("div");
        const [term, value] = [document.createElement("dt"), document.createElement("dd")];
        term.textContent = label;
        line.append(term, value);
        return line;
      }),
    );
  }
  now.forEach(([, text], index) => {
    const value = list.children[index].lastElementChild!;
    if (value.textContent !== text) value.textContent = text;
  });
}

function gain(db: number | null): string {
  return db === null ? "" : `, ${db >= 0 ? "+" : ""}${db.toFixed(2)} dB`;
}

/** Holds the HTML inside the element. */

export const TEMPLATE = `
<div class="player" part="player">
  <div class="view">
    <div class="stage"><video playsinline></video></div>
    <span class="side plain" hidden>plain</span><span class="side enhanced" hidden>enhanced</span>
    <button class="divider" type="button" role="slider" aria-label="Where plain ends and enhanced begins"
      aria-valuemin="0" aria-valuemax="100" aria-valuenow="50" hidden></button>
    <div class="words" aria-live="off"></div>
    <p class="message" role="alert" hidden></p>
  </div>
  <div class="bar" role="group" aria-label="Playback">
    <button class="play" type="button" aria-label="Play (Space)"><svg viewBox="0 0 16 16"><path class="off" d="M4 2l10 6-10 6z"/><path class="on" d="M3 2h4v12H3zM9 2h4v12H9z"/></svg></button>
    <input class="seek" type="range" min="0" max="1" step="0.01" value="0" aria-label="Position">
    <span class="time">0:00 / 0:00</span>
    <button class="mute" type="button" aria-pressed="false" aria-label="Mute (M)"><svg viewBox="0 0 16 16"><path d="M2 6h3l4-4v12L5 10H2z"/><path class="off" d="M11 5a4 4 0 010 6zM11 2a7 7 0 010 12v-1.500a5.500 5.500 0 000-9z"/><path class="on" d="M10.500 6.500l4 4-1 1-4-4zM13.500 5.500l1 1-4 4-1-1z"/></svg></button>
    <select class="sound" aria-label="Sound (A)" title="Sound (A)" hidden></select>
    <select class="captions" aria-label="Subtitles (C)" title="Subtitles (C)" hidden></select>
    <button class="enhance" type="button" aria-pressed="true" title="Enhance (E)">Enhance</button>
    <button class="compare" type="button" aria-pressed="false" title="Compare (S)">Compare</button>
    <button class="zoom" type="button" title="Zoom (Z)">1×</button>
    <select class="rung" aria-label="Rung" title="Rung"><option value="">Auto</option></select>
    <button class="info" type="button" aria-pressed="false" aria-expanded="false" title="Details (I)">Details</button>
    <button class="full" type="button" aria-label="Full screen (F)"><svg viewBox="0 0 16 16"><path d="M2 2h5v2H4v3H2zM9 2h5v5h-2V4H9zM2 9h2v3h3v2H2zM12 9h2v5H9v-2h3z"/></svg></button>
  </div>
  <p class="state"><span class="light"></span><strong class="word" role="status">waiting</strong><span class="why"></span></p>
  <div class="panel" hidden><dl></dl></div>
</div>`;

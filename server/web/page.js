// The catalogue page: reads the catalogue, lists each bundle with addresses to copy. Text goes in as text, never as markup.

function bytes(count) {
  if (count < 1000) return `${count} B`;
  const [size, unit] = count < 1e6 ? [count / 1e3, "kB"] : count < 1e9 ? [count / 1e6, "MB"] : [count / 1e9, "GB"];
  return `${size.toFixed(size < 10 ? 1 : 0)} ${unit}`;
}

function clock(seconds) {
  const whole = Math.round(seconds);
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function bitrate(bps) {
  return bps < 1e6 ? `${Math.round(bps / 1e3)} kbit/s` : `${(bps / 1e6).toFixed(1)} Mbit/s`;
}

function frameRate(text) {
  const [top, bottom = "1"] = text.split("/");
  return `${(top / bottom).toFixed(2).replace(/\.?0+$/, "")} fps`;
}

function modelsOf(rung) {
  if (rung.models.length === 0) return "none";
  return rung.models
    .map((m) => `${m.network} to ${m.width}×${m.height}: ${m.segments} of ${rung.segments} segments, ${bytes(m.bytes)}`)
    .join("\n");
}

function row(rung) {
  const line = document.createElement("tr");
  const cells = [rung.id, `${rung.width}×${rung.height}, ${frameRate(rung.frame_rate)}`, bitrate(rung.bandwidth_bps), modelsOf(rung)];
  for (const text of cells) line.insertCell().textContent = text;
  return line;
}

async function copy(text, button, shown) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Without HTTPS the clipboard is closed to pages: select the text, so that the keyboard's own copy takes it.
    getSelection().selectAllChildren(shown);
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

function addressLine(label, text) {
  const line = document.getElementById("address").content.cloneNode(true);
  const [shown, button] = [line.querySelector("code"), line.querySelector("button")];
  line.querySelector("dt").textContent = label;
  shown.textContent = text;
  button.setAttribute("aria-label", `Copy: ${label}`);
  button.addEventListener("click", () => copy(text, button, shown));
  return line;
}

function card(bundle, base) {
  const item = document.getElementById("bundle").content.cloneNode(true);
  const absolute = (url) => new URL(url, base).href;
  const manifest = absolute(bundle.manifest_url);
  const title = bundle.title ?? bundle.name;
  item.querySelector("h2").textContent = title;
  const sizes = Object.entries({ video: bundle.bytes.video, audio: bundle.bytes.audio, models: bundle.bytes.model })
    .map(([what, count]) => (count > 0 ? `${what} ${bytes(count)}` : `no ${what}`));
  item.querySelector(".summary").textContent =
    [...(title === bundle.name ? [] : [bundle.name]), clock(bundle.duration_s), ...sizes].join(" · ");
  item.querySelector(".scroll").setAttribute("aria-label", `Rungs of ${bundle.name}`);
  item.querySelector("tbody").append(...bundle.rungs.map(row));
  const addresses = item.querySelector("dl");
  addresses.append(addressLine("DASH manifest", manifest));
  if (bundle.playlist_url) addresses.append(addressLine("HLS playlist", absolute(bundle.playlist_url)));
  addresses.append(addressLine("Play it enhanced, in a window", `neudash play --window ${manifest}`));
  if (bundle.poster_url) {
    const poster = item.querySelector("img");
    poster.src = absolute(bundle.poster_url);
    poster.hidden = false;
  }
  return item;
}

async function show() {
  const state = document.getElementById("state");
  let catalogue, base;
  try {
    const answer = await fetch("api/bundles");
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    [catalogue, base] = [await answer.json(), answer.url];
  } catch (error) {
    state.textContent = `The catalogue cannot be read: ${error.message}. Reload to try again.`;
    return;
  }
  const { bundles, broken } = catalogue;
  state.textContent = bundles.length === 1 ? "1 bundle" : `${bundles.length} bundles`;
  document.getElementById("bundles").append(...bundles.map((bundle) => card(bundle, base)));
  const section = document.getElementById("broken");
  section.hidden = broken.length === 0;
  for (const { name, problem } of broken) {
    const line = document.createElement("li");
    line.textContent = `${name}: ${problem}`;
    section.querySelector("ul").append(line);
  }
}

show();

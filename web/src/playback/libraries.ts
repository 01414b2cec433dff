/** Lists the streaming libraries; each is loaded on first use. */

import type { Adapter, AdapterEvents, AdapterName } from "./adapter";

/** Loads the library and attaches it to a video element. */
export async function openAdapter(name: AdapterName, video: HTMLVideoElement, events: AdapterEvents): Promise<Adapter> {
  if (name === "dashjs") return new (await import("./dashjs")).DashJsAdapter(video, events);
  return (await import("./shaka")).ShakaAdapter.attached(video, events);
}

/** Opens the renderer and its canvas on first use, and again after the device was lost. */

import { noWeights } from "../model/ndm";
import { openBest, type RendererChoice } from "../render/open";
import { blackPicture, type Renderer, type Shape } from "../render/renderer";

const MAX_LOSSES = 3;

export class Screen {
  /** Reason why there is no renderer; empty if there is one or may be. */
  problem = "";
  renderer: Renderer | null = null;
  private canvas: HTMLCanvasElement | null = null;
  private opening: Promise<void> | null = null;
  private warming: Promise<void> | null = null;
  private losses = 0;
  private stopped = false;

  /** Puts canvases into `stage`; calls `opened` with each new renderer, `lost` if one lost its picture. */
  constructor(
    private readonly stage: HTMLElement,
    private readonly choice: RendererChoice,
    private readonly opened: (renderer: Renderer) => void,
    private readonly lost: () => void,
  ) {}

  /** Returns true if there is a renderer, opened if needed. */
  async ready(): Promise<boolean> {
    // From the first picture on nothing warms: it would be drawn over what is seen.
    this.warming ??= Promise.resolve();
    await this.warming;
    if (this.renderer?.lost) {
      this.close();
      if (++this.losses > MAX_LOSSES) this.problem = "the graphics device was lost too often";
    }
    if (this.renderer) return true;
    if (this.problem || this.stopped) return false;
    await this.open();
    return this.renderer !== null;
  }

  /** Looks for the best renderer, unless there is one or a search is under way. */
  open(): Promise<void> {
    if (this.renderer) return Promise.resolve();
    this.opening ??= this.openBest().finally(() => {
      this.opening = null;
    });
    return this.opening;
  }

  /** Compiles everything while the first picture is on its way, by drawing once where nobody sees it. */
  warm(shape: Shape): void {
    this.warming ??= this.drawBlack(shape);
  }

  show(): void {
    this.canvas!.hidden = false;
  }

  hide(): void {
    if (this.canvas) this.canvas.hidden = true;
  }

  destroy(): void {
    this.stopped = true;
    this.close();
  }

  private close(): void {
    this.renderer?.destroy();
    this.renderer = null;
    this.canvas?.remove();
  }

  private async openBest(): Promise<void> {
    const newCanvas = () => {
      const canvas = document.createElement("canvas");
      canvas.hidden = true;
      canvas.setAttribute("part", "picture");
      this.stage.append(canvas);
      return canvas;
    };
    try {
      const { renderer, canvas } = await openBest(this.choice, newCanvas);
      [this.renderer, this.canvas] = [renderer, canvas];
      renderer.whenLost = () => {
        if (this.renderer !== renderer) return;
        this.hide();
        this.lost();
      };
      if (this.stopped) this.close();
      else this.opened(renderer);
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }

  private async drawBlack(shape: Shape): Promise<void> {
    await this.open();
    try {
      await this.renderer?.prepare(shape);
      await this.renderer?.draw(blackPicture(shape.width, shape.height), shape.spec && noWeights(shape.spec), 0);
    } catch {
      // What is wrong is told when a picture is to be drawn.
    }
  }
}

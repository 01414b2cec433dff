/** Resizes one plane on the GPU: along rows, then down columns, exact in whole numbers. */

import { resizeTaps } from "../taps";
import type { Gl } from "./gl";
import { ACROSS, FINISH } from "./shaders";

export class Resize {
  readonly sums: WebGLTexture;
  readonly tapsDown: WebGLTexture;
  private readonly tapsAcross: WebGLTexture;
  private readonly sumsTarget: WebGLFramebuffer;

  constructor(
    private readonly gl: Gl,
    widthIn: number,
    private readonly heightIn: number,
    readonly width: number,
    readonly height: number,
  ) {
    this.tapsAcross = gl.tapsTexture(resizeTaps(widthIn, width));
    this.tapsDown = gl.tapsTexture(resizeTaps(heightIn, height));
    this.sums = gl.texture("R16UI", width, heightIn);
    this.sumsTarget = gl.target([this.sums]);
  }

  /** Fills `sums` from an R8 texture. */
  across(source: WebGLTexture): void {
    const program = this.gl.program(ACROSS);
    this.gl.fill(program, this.sumsTarget, [0, 0, this.width, this.heightIn], { source, taps: this.tapsAcross });
  }

  /** Runs both steps, to an R8 target. */
  run(source: WebGLTexture, target: WebGLFramebuffer): void {
    this.across(source);
    const program = this.gl.program(FINISH);
    this.gl.fill(program, target, [0, 0, this.width, this.height], { sums: this.sums, taps: this.tapsDown });
  }
}

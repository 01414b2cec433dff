/** Uploads the planes of a picture as textures. */

import { half, type Planes } from "../renderer";
import type { Gl } from "./gl";

export class Source {
  readonly y: WebGLTexture;
  readonly u: WebGLTexture;
  readonly v: WebGLTexture;

  constructor(
    private readonly gl: Gl,
    width: number,
    height: number,
  ) {
    this.y = gl.texture("R8", width, height);
    [this.u, this.v] = [0, 1].map(() => gl.texture("R8", half(width), half(height)));
  }

  take(planes: Planes): void {
    const { gl } = this.gl;
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    for (const name of ["y", "u", "v"] as const) {
      const [columns, rows] = name === "y" ? [planes.width, planes.height] : [half(planes.width), half(planes.height)];
      gl.bindTexture(gl.TEXTURE_2D, this[name]);
      gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, columns, rows, gl.RED, gl.UNSIGNED_BYTE, planes[name]);
    }
  }
}

/** The planes of a picture as textures: as decoded, or made again from the colours of a video element. */

import { colourRows, half, type Colour, type Picture } from "../renderer";
import type { Gl } from "./gl";
import { TAKE } from "./shaders";

interface PlaneTextures {
  readonly y: WebGLTexture;
  readonly u: WebGLTexture;
  readonly v: WebGLTexture;
}

export class Source {
  private readonly planes: PlaneTextures;
  private targets: Record<keyof PlaneTextures, WebGLFramebuffer> | null = null;
  private colours: WebGLTexture | null = null;

  constructor(private readonly gl: Gl, private readonly width: number, private readonly height: number) {
    const small = () => gl.texture("R8", half(width), half(height));
    this.planes = { y: gl.texture("R8", width, height), u: small(), v: small() };
  }

  take(picture: Picture): PlaneTextures {
    if (picture.planes) this.upload(picture.planes);
    else this.fromColours(picture.video!, picture.colour);
    return this.planes;
  }

  private upload(planes: { y: Uint8Array; u: Uint8Array; v: Uint8Array }): void {
    const { gl } = this.gl;
    const { width, height } = this;
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    for (const name of ["y", "u", "v"] as const) {
      const [columns, rows] = name === "y" ? [width, height] : [half(width), half(height)];
      gl.bindTexture(gl.TEXTURE_2D, this.planes[name]);
      gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, columns, rows, gl.RED, gl.UNSIGNED_BYTE, planes[name]);
    }
  }

  private fromColours(video: HTMLVideoElement, colour: Colour): void {
    const { gl } = this.gl;
    this.colours ??= this.gl.texture("RGBA8", this.width, this.height);
    this.targets ??= {
      y: this.gl.target([this.planes.y]), u: this.gl.target([this.planes.u]), v: this.gl.target([this.planes.v]),
    };
    gl.bindTexture(gl.TEXTURE_2D, this.colours);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, this.width, this.height, gl.RGBA, gl.UNSIGNED_BYTE, video);
    const take = this.gl.program(TAKE);
    const back = inverse(colour);
    (["y", "u", "v"] as const).forEach((name, index) => {
      gl.useProgram(take.program);
      gl.uniform3fv(take.at("weights"), back[index]);
      gl.uniform2f(take.at("range_"), 1, index === 0 ? colourRows(colour).offset : 128 / 255);
      gl.uniform1i(take.at("step_"), index === 0 ? 1 : 2);
      const [columns, rows] = index === 0 ? [this.width, this.height] : [half(this.width), half(this.height)];
      this.gl.fill(take, this.targets![name], [0, 0, columns, rows], { colours: this.colours! });
    });
  }
}

/** Rows that make y, u, v of red, green, blue: the inverse of `colourRows`. */
function inverse(colour: Colour): number[][] {
  const { rows: m } = colourRows(colour);
  const minor = (r: number, c: number) => {
    const [a, b] = [0, 1, 2].filter((row) => row !== r);
    const [d, e] = [0, 1, 2].filter((column) => column !== c);
    return (m[a][d] * m[b][e] - m[a][e] * m[b][d]) * ((r + c) % 2 ? -1 : 1);
  };
  const determinant = [0, 1, 2].reduce((sum, c) => sum + m[0][c] * minor(0, c), 0);
  return [0, 1, 2].map((r) => [0, 1, 2].map((c) => minor(c, r) / determinant));
}

/** Wraps the few parts of WebGL2 that the renderer needs; each object is made once and not during a frame. */

import { VERTEX } from "./shaders";

export type Format = "R8" | "R16UI" | "RGBA8" | "RGBA16F" | "RGBA32F";

/** A program and the locations of its uniforms. */
export interface Program {
  readonly program: WebGLProgram;
  at(name: string): WebGLUniformLocation | null;
}

export class Gl {
  private readonly made: { textures: WebGLTexture[]; framebuffers: WebGLFramebuffer[] } = {
    textures: [],
    framebuffers: [],
  };
  private readonly programs = new Map<string, Program>();

  constructor(readonly gl: WebGL2RenderingContext) {}

  /** Returns the program of a fragment shader, compiled on first use. */
  program(fragment: string): Program {
    const known = this.programs.get(fragment);
    if (known) return known;
    const gl = this.gl;
    const program = gl.createProgram()!;
    for (const [type, source] of [
      [gl.VERTEX_SHADER, VERTEX],
      [gl.FRAGMENT_SHADER, fragment],
    ] as const) {
      const shader = gl.createShader(type)!;
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
      gl.deleteShader(shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      const [, shader] = gl.getAttachedShaders(program) ?? [];
      throw new Error(`shader: ${gl.getProgramInfoLog(program)} ${shader ? gl.getShaderInfoLog(shader) : ""}`);
    }
    const places = new Map<string, WebGLUniformLocation | null>();
    const at = (name: string) => {
      if (!places.has(name)) places.set(name, gl.getUniformLocation(program, name));
      return places.get(name)!;
    };
    const ready = { program, at };
    this.programs.set(fragment, ready);
    return ready;
  }

  /** Makes a texture of zeros, or an array of `layers`. */
  texture(format: Format, width: number, height: number, layers = 0, filter: number = this.gl.NEAREST): WebGLTexture {
    const gl = this.gl;
    const texture = gl.createTexture()!;
    const target = layers ? gl.TEXTURE_2D_ARRAY : gl.TEXTURE_2D;
    gl.bindTexture(target, texture);
    if (layers) gl.texStorage3D(target, 1, gl[format], width, height, layers);
    else gl.texStorage2D(target, 1, gl[format], width, height);
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(target, name, filter);
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(target, name, gl.CLAMP_TO_EDGE);
    this.made.textures.push(texture);
    return texture;
  }

  /** Makes a table of rows of nine taps and their middle as three texels of four. */
  tapsTexture(table: Int16Array): WebGLTexture {
    const gl = this.gl;
    const rows = table.length / 10;
    const texels = new Int16Array(rows * 12);
    for (let row = 0; row < rows; row++) texels.set(table.subarray(row * 10, row * 10 + 10), row * 12);
    const texture = gl.createTexture()!;
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA16I, 3, rows);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, 3, rows, gl.RGBA_INTEGER, gl.SHORT, texels);
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
      gl.texParameteri(gl.TEXTURE_2D, name, gl.NEAREST);
    this.made.textures.push(texture);
    return texture;
  }

  /**
   * Makes a framebuffer over textures, or over `layers` of an array from `first` on. Throws if it cannot be drawn to.
   */
  target(textures: WebGLTexture[], array?: { first: number; layers: number }): WebGLFramebuffer {
    const gl = this.gl;
    const framebuffer = gl.createFramebuffer()!;
    gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
    const count = array ? array.layers : textures.length;
    for (let index = 0; index < count; index++) {
      const attachment = gl.COLOR_ATTACHMENT0 + index;
      if (array) gl.framebufferTextureLayer(gl.FRAMEBUFFER, attachment, textures[0], 0, array.first + index);
      else gl.framebufferTexture2D(gl.FRAMEBUFFER, attachment, gl.TEXTURE_2D, textures[index], 0);
    }
    gl.drawBuffers(Array.from({ length: count }, (_, index) => gl.COLOR_ATTACHMENT0 + index));
    const status = gl.checkFramebufferStatus(gl.FRAMEBUFFER);
    if (status !== gl.FRAMEBUFFER_COMPLETE && !gl.isContextLost()) throw new Error(`framebuffer status ${status}`);
    this.made.framebuffers.push(framebuffer);
    return framebuffer;
  }

  /** Draws every pixel of a rectangle of a target (null: the canvas) by a program; textures go to units in order. */
  fill(
    program: Program,
    target: WebGLFramebuffer | null,
    [x, y, width, height]: [number, number, number, number],
    textures: Record<string, WebGLTexture>,
    arrays: Record<string, WebGLTexture> = {},
  ): void {
    const gl = this.gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, target);
    gl.viewport(x, y, width, height);
    gl.useProgram(program.program);
    let unit = 0;
    for (const [kind, named] of [
      [gl.TEXTURE_2D, textures],
      [gl.TEXTURE_2D_ARRAY, arrays],
    ] as const) {
      for (const [name, texture] of Object.entries(named)) {
        gl.activeTexture(gl.TEXTURE0 + unit);
        gl.bindTexture(kind, texture);
        gl.uniform1i(program.at(name), unit++);
      }
    }
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** Frees textures and framebuffers; programs stay, since they fit any size. */
  freeSizes(): void {
    for (const texture of this.made.textures.splice(0)) this.gl.deleteTexture(texture);
    for (const framebuffer of this.made.framebuffers.splice(0)) this.gl.deleteFramebuffer(framebuffer);
  }

  /** Resolves when everything queued so far is done, or the context is lost. */
  async finished(): Promise<void> {
    const gl = this.gl;
    const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    if (!fence) return;
    gl.flush();
    for (;;) {
      const status = gl.clientWaitSync(fence, 0, 0);
      if (status !== gl.TIMEOUT_EXPIRED) break;
      await new Promise((resume) => setTimeout(resume, 1));
    }
    gl.deleteSync(fence);
  }
}

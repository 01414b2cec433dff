/** Zooms into the picture in steps, and moves it. */

const STEPS = [1, 2, 4];

export class Zoom {
  private step = 0;
  private at = { x: 0, y: 0 };

  constructor(
    private readonly stage: HTMLElement,
    private readonly changed: (factor: number) => void,
  ) {
    stage.addEventListener("pointerdown", (event) => {
      if (this.factor > 1) stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointermove", (event) => {
      if (stage.hasPointerCapture(event.pointerId))
        this.moveTo(this.at.x + event.movementX, this.at.y + event.movementY);
    });
  }

  get factor(): number {
    return STEPS[this.step];
  }

  next(): void {
    this.step = (this.step + 1) % STEPS.length;
    this.stage.classList.toggle("zoomed", this.factor > 1);
    this.stage.style.setProperty("--nd-zoom", String(this.factor));
    this.moveTo(0, 0);
  }

  /** Moves the picture, in pixels from the middle; it never leaves its frame. */
  private moveTo(x: number, y: number): void {
    const within = (value: number, size: number) =>
      Math.max(-1, Math.min(1, value / ((size * (this.factor - 1)) / 2 || 1))) * ((size * (this.factor - 1)) / 2);
    this.at = { x: within(x, this.stage.offsetWidth), y: within(y, this.stage.offsetHeight) };
    this.stage.style.setProperty("--nd-x", `${this.at.x}px`);
    this.stage.style.setProperty("--nd-y", `${this.at.y}px`);
    this.changed(this.factor);
  }
}

/** Moves the slider between plain and enhanced, by pointer and by keyboard. */

const STEP = 0.02;

export class CompareSlider {
  private value = 0.5;
  private on = false;

  /** Calls `moved` with the share of the width that is plain; 0 while the slider is off. */
  constructor(
    private readonly view: HTMLElement,
    private readonly divider: HTMLElement,
    private readonly sides: NodeListOf<HTMLElement>,
    private readonly moved: (split: number) => void,
  ) {
    divider.addEventListener("pointerdown", (event) => {
      divider.setPointerCapture(event.pointerId);
      this.drag(event);
    });
    divider.addEventListener("pointermove", (event) => {
      if (divider.hasPointerCapture(event.pointerId)) this.drag(event);
    });
    divider.addEventListener("keydown", (event) => {
      const steps: Record<string, number> = { ArrowLeft: -STEP, ArrowRight: STEP, Home: -1, End: 1 };
      if (!(event.key in steps)) return;
      this.move(this.value + steps[event.key]);
      event.preventDefault();
      event.stopPropagation();
    });
  }

  get isOn(): boolean {
    return this.on;
  }

  set isOn(on: boolean) {
    this.on = on;
    for (const part of [this.divider, ...this.sides]) part.hidden = !on;
    this.move(this.value);
  }

  /** Share of the width, 0 to 1. */
  move(value: number): void {
    this.value = Math.min(1, Math.max(0, value));
    this.view.style.setProperty("--nd-split", `${this.value * 100}%`);
    this.divider.setAttribute("aria-valuenow", String(Math.round(this.value * 100)));
    this.moved(this.on ? this.pictureShare() : 0);
  }

  /** Places the divider in the view; a picture that is zoomed, or narrower than the view, has a share of its own. */
  private pictureShare(): number {
    const view = this.view.getBoundingClientRect();
    const picture = this.view.querySelector(".stage canvas:not([hidden])") ?? this.view.querySelector(".stage")!;
    const { left, width } = picture.getBoundingClientRect();
    return Math.min(1, Math.max(0, (view.left + this.value * view.width - left) / width));
  }

  private drag(event: PointerEvent): void {
    const view = this.view.getBoundingClientRect();
    this.move((event.clientX - view.left) / view.width);
  }
}

// Understand, convolution: a filter slides over a picture, and the sum of one cell is written out.

import { announce } from "../../announce";
import { button } from "../../components/field";
import { h, messageOf } from "../../dom";
import { engine } from "../../engine";
import type { Pixels } from "../../protocol";
import type { Mounted, SaveState, View } from "../../router";
import { lastDrawing, preparedExample } from "../draw/last";
import { Controls } from "./controls";
import { type Convolved, Stage } from "./stage";
import { writtenSum } from "./sum";

/** How long the sliding filter stays at a position, in milliseconds. */
const STEP_TIME = 120;

export const convolution: View = {
  name: "convolution",
  title: "Convolution",
  mount: (root, state, save) => new ConvolutionView(root, state, save),
};

class ConvolutionView implements Mounted {
  private image: Pixels | null = null;
  private convolved: Convolved | null = null;
  /** Counts the requests, so that only the answer to the last one is shown. */
  private version = 0;
  private readonly save: SaveState;
  private readonly controls = new Controls(
    () => void this.loadPicture(),
    () => void this.filter(),
  );
  private readonly stage = new Stage(this.controls.grid, () => this.showSum());
  private readonly sum = h("div", { class: "written" });
  private readonly slide = button("Slide", () => this.startOrStop(), "primary");
  /** The timer that moves the filter, or 0. */
  private timer = 0;
  private readonly problem = h("p", { class: "problem", role: "alert" });

  constructor(root: HTMLElement, state: URLSearchParams, save: SaveState) {
    this.save = save;
    root.append(
      h("h1", {}, "Convolution"),
      h(
        "p",
        { class: "lede" },
        "One small filter slides over the picture: at each position, its weights are multiplied by the " +
          "pixels below them and summed. Point at the picture, or use the arrow keys.",
      ),
      ...this.controls.form(),
      this.problem,
      h("div", { class: "tools" }, this.slide),
      this.stage.element,
      this.sum,
      h(
        "p",
        { class: "note" },
        "The thin frame in the picture is the receptive field of the pooled cell. It grows with every " +
          "further layer.",
      ),
    );
    document.addEventListener("themechange", () => this.stage.repaint());
    this.restore(state);
  }

  restore(state: URLSearchParams): void {
    this.controls.restore(state);
    const [x = 11, y = 9] = (state.get("at") ?? "11,9").split(",").map(Number);
    this.stage.cell = [Number.isFinite(x) ? x : 11, Number.isFinite(y) ? y : 9];
    void this.loadPicture();
  }

  /** Lets the filter slide over the picture, or stops it. */
  private startOrStop(): void {
    const isMoving = this.timer !== 0;
    window.clearInterval(this.timer);
    this.timer = isMoving ? 0 : window.setInterval(() => this.stage.advance(), STEP_TIME);
    this.slide.textContent = isMoving ? "Slide" : "Stop";
    if (isMoving) this.showSum();
  }

  onHide(): void {
    if (this.timer) this.startOrStop();
  }

  /** The drawing may be another one. */
  onShow(): void {
    if (this.controls.example() === null) void this.loadPicture();
  }

  private async loadPicture(): Promise<void> {
    try {
      const example = this.controls.example();
      this.image =
        example === null && lastDrawing.prepared ? lastDrawing.prepared : await preparedExample(example ?? 5);
      await this.filter();
    } catch (error) {
      this.fail(error);
    }
  }

  private async filter(): Promise<void> {
    if (!this.image) return;
    const own = ++this.version;
    try {
      const request = this.controls.request(this.image);
      const result = await engine.filter(request);
      if (own !== this.version) return;
      this.convolved = { request, result };
      this.problem.textContent = "";
      this.stage.element.hidden = false;
      this.stage.show(this.convolved);
    } catch (error) {
      if (own === this.version) this.fail(error);
    }
  }

  /** Shows an error; nothing of the last answer stays next to it. */
  private fail(error: unknown): void {
    this.problem.textContent = messageOf(error);
    this.convolved = null;
    this.stage.element.hidden = true;
    this.sum.replaceChildren();
  }

  private showSum(): void {
    if (!this.convolved) return;
    this.sum.replaceChildren(...writtenSum(this.convolved, this.stage.cell));
    announce(this.sum.lastElementChild?.textContent ?? "");
    // Browsers do not allow many changes of the address in a short time.
    if (this.timer) return;
    const state = new URLSearchParams();
    this.controls.saveTo(state);
    state.set("at", this.stage.cell.join(","));
    this.save(state);
  }
}

// Understand, the plane: points of two classes, and the decision regions of a classifier during training.

import { announce } from "../../announce";
import { Chart } from "../../components/curves";
import { button, checkbox } from "../../components/field";
import { h, messageOf } from "../../dom";
import { engine } from "../../engine";
import { count, percent, short } from "../../format";
import type { PlaneView as Division, Point } from "../../protocol";
import type { Mounted, SaveState, View } from "../../router";
import { mayAnimate } from "../../theme";
import { CELLS, PlaneCanvas } from "./canvas";
import { type Model, PlaneForm } from "./form";
import { decodePoints, encodePoints } from "./points";
import { PRESETS, type Preset } from "./presets";
import { Progress } from "./progress";

export const plane: View = {
  name: "plane",
  title: "Plane",
  mount: (root, state, save) => new PlaneView(root, state, save),
};

class PlaneView implements Mounted {
  private points: Point[] = [];
  /** The points that the visitor added. */
  private mine: Point[] = [];
  private division: Division | null = null;
  private running = false;
  private progress = new Progress();
  /** What the chosen preset teaches. */
  private lesson: string | null = null;
  /** Counts the scenes, so that no answer to an earlier one is shown. */
  private version = 0;
  private readonly save: SaveState;
  private readonly form = new PlaneForm(() => this.changed());
  private readonly canvas = new PlaneCanvas((x, y, shift) => this.place(x, y, shift));
  private readonly secondClass = checkbox("Add points of the second class", false, () => undefined);
  private readonly status = h("p", { class: "status" });
  private readonly remark = h("p", { class: "remark" });
  private readonly stall = h("p", { class: "remark warning", hidden: true });
  private readonly chart = new Chart("Loss");
  private readonly start = button("Train", () => this.startOrPause(), "primary");
  private readonly step = button("One step", () => void this.stepOnce());
  private readonly handTools = h(
    "div",
    { class: "tools" },
    this.secondClass.element,
    button("Remove all", () => this.removePoints()),
  );

  constructor(root: HTMLElement, state: URLSearchParams, save: SaveState) {
    this.save = save;
    const restart = button("Restart", () => void this.begin());
    root.append(
      h("h1", {}, "The plane"),
      h(
        "p",
        { class: "lede" },
        "With two features instead of 784 pixels, the whole input space is visible, and with it the " +
          "region that a classifier assigns to each class.",
      ),
      this.presets(),
      h(
        "div",
        { class: "two" },
        h(
          "div",
          {},
          this.remark,
          h("div", { class: "tools" }, this.start, this.step, restart),
          this.handTools,
          this.status,
          this.canvas.element,
          this.stall,
        ),
        h("div", { class: "plane-side" }, this.chart.element, this.form.element),
      ),
    );
    document.addEventListener("themechange", () => this.paint());
    this.restore(state);
  }

  restore(state: URLSearchParams): void {
    this.form.restore(state);
    this.mine = decodePoints(state.get("mine") ?? "");
    this.refresh();
    void this.begin();
  }

  private presets(): HTMLElement {
    const buttons = PRESETS.map((preset) =>
      button(preset.title, () => this.usePreset(preset), "chip-button"),
    );
    return h("div", { class: "presets", role: "group", "aria-label": "Presets" }, ...buttons);
  }

  private usePreset({ state, lesson }: Preset): void {
    this.form.restore(new URLSearchParams(state));
    this.mine = [];
    this.changed();
    this.lesson = lesson;
    this.refresh();
    announce(lesson);
  }

  /** Pauses: the worker is needed by the view that is shown. */
  onHide(): void {
    this.running = false;
  }

  /** The points or the classifier have changed. */
  private changed(): void {
    this.lesson = null;
    this.refresh();
    const state = this.form.toState();
    if (this.mine.length) state.set("mine", encodePoints(this.mine));
    this.save(state);
    void this.begin();
  }

  private refresh(): void {
    this.canvas.isEditable = this.form.isByHand();
    this.handTools.hidden = !this.form.isByHand();
    this.start.hidden = this.step.hidden = this.form.model() === "neighbors";
    this.remark.textContent = this.lesson ?? this.form.remark();
    this.chart.element.hidden = !this.form.hasLoss();
  }

  private place(x: number, y: number, shift: boolean): void {
    if (!this.form.isByHand()) return;
    this.mine.push([x, y, this.secondClass.get() || shift ? 1 : 0]);
    this.changed();
  }

  private removePoints(): void {
    this.mine = [];
    this.changed();
  }

  /** Creates the points and an untrained classifier. */
  private async begin(): Promise<void> {
    const own = ++this.version;
    this.setRunning(false);
    this.progress = new Progress();
    if (this.form.isByHand() && this.mine.length === 0) {
      this.clear("Click in the plane to add points, or move the cross with the arrow keys and press space.");
      return;
    }
    try {
      this.points = await engine.beginPlane(this.form.scene(this.mine));
      const first = await engine.advancePlane(0, CELLS);
      if (!this.isCurrent(own)) return;
      this.show(first);
      announce(this.status.textContent ?? "");
    } catch (error) {
      if (this.isCurrent(own)) this.fail(error);
    }
  }

  private startOrPause(): void {
    if (this.running) this.running = false;
    else void this.run();
  }

  private async run(): Promise<void> {
    const own = this.version;
    this.setRunning(true);
    try {
      let steps = 1;
      while (this.running && this.isCurrent(own) && !this.division?.done) {
        await this.advance(steps);
        steps = mayAnimate() ? Math.min(steps + 1, 20) : 200;
        await new Promise(requestAnimationFrame);
      }
      announce(this.status.textContent ?? "");
    } catch (error) {
      if (this.isCurrent(own)) this.fail(error);
    }
    if (own === this.version) this.setRunning(false);
  }

  private async stepOnce(): Promise<void> {
    this.running = false;
    try {
      await this.advance(1);
      announce(this.status.textContent ?? "");
    } catch (error) {
      this.fail(error);
    }
  }

  /** Shows an error; nothing of the last answer stays next to it. */
  private fail(error: unknown): void {
    this.clear(messageOf(error));
    announce(messageOf(error));
  }

  private clear(status: string): void {
    this.points = [];
    this.division = null;
    this.status.textContent = status;
    this.paint();
  }

  private async advance(steps: number): Promise<void> {
    const own = this.version;
    const division = await engine.advancePlane(steps, CELLS);
    if (this.isCurrent(own)) this.show(division);
  }

  private isCurrent(version: number): boolean {
    return version === this.version;
  }

  private setRunning(running: boolean): void {
    this.running = running;
    this.start.textContent = running ? "Pause" : "Train";
  }

  private show(division: Division): void {
    this.division = division;
    this.progress.add(division);
    this.showLoss(division);
    this.status.textContent = summary(this.form.model(), division);
    const label = `${this.points.length} points of two classes. ${this.status.textContent}`;
    this.canvas.element.setAttribute("aria-label", label);
    this.paint();
  }

  private showLoss(division: Division): void {
    const { steps, losses } = this.progress;
    if (this.form.hasLoss()) {
      this.chart.show([{ label: "loss of the last batch", color: "--run-1", x: [...steps], y: [...losses] }]);
    }
    const hasStalled = this.form.hasLoss() && this.progress.hasStalled(division);
    this.stall.hidden = !hasStalled;
    this.stall.textContent = hasStalled ? `The loss has stopped falling. ${this.form.advice()}` : "";
  }

  private paint(): void {
    this.canvas.paint(this.division?.cells ?? null, this.points.length ? this.points : this.mine);
  }
}

/** The state of the training in a sentence. */
function summary(model: Model, { step, loss, accuracy, done }: Division): string {
  const right = `${percent(accuracy)} of the points classified correctly`;
  if (model === "neighbors") return `All points are stored; ${right}.`;
  if (model === "perceptron") {
    const mistakes = loss === null ? "" : `, ${loss} mistakes since the last update`;
    return `step ${count(step)}${mistakes}; ${right}${done ? ": converged" : ""}.`;
  }
  return `step ${count(step)}${loss === null ? "" : `, loss ${short(loss)}`}; ${right}.`;
}

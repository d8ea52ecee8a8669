// Train: a model is trained on MNIST in the page.

import { Chart } from "../../components/curves";
import { button } from "../../components/field";
import { download, filePicker } from "../../components/file";
import { h, messageOf, toast } from "../../dom";
import { engine } from "../../engine";
import { count, fixed, percent, short } from "../../format";
import { isMnistLoaded, loadMnist } from "../../mnist";
import { addFile, addTrained } from "../../models";
import type { Report } from "../../protocol";
import type { Mounted, SaveState, View } from "../../router";
import { Inside } from "./inside";
import { PRESETS } from "./presets";
import { accuracyCurves, lossCurves, type Run, runs, runTable } from "./runs";
import { SetupForm } from "./setup";
import { Trainer } from "./trainer";

/** How often curves and pictures are redrawn, in milliseconds. */
const REDRAW_EVERY = 250;

const READY = "Choose a model and press Train.";

export const train: View = {
  name: "train",
  title: "Train",
  mount: (root, state, save) => new TrainView(root, state, save),
};

class TrainView implements Mounted {
  private readonly root: HTMLElement;
  private readonly save: SaveState;
  private unmounted = false;
  private redrawnAt = 0;

  private readonly trainer = new Trainer((run, report) => this.report(run, report));
  private readonly form = new SetupForm(() => this.save(this.form.toState()));
  private readonly status = h("p", { class: "status", role: "status" }, READY);
  private readonly progress = h("progress", { max: 1, value: 0, "aria-label": "Training progress" });
  private readonly model = h("p", { class: "model-words" });
  private readonly rate = h("output", { class: "rate" });
  private readonly loss = new Chart("Loss");
  private readonly accuracy = new Chart("Accuracy", true);
  private readonly inside = new Inside();
  private readonly table = h("div", {});

  private readonly start = button("Train", () => this.startOrPause(), "primary");
  private readonly step = button("One step", () => this.guard(() => this.trainOneStep()));
  private readonly restart = button("Restart", () => this.reset(READY));
  private readonly half = button("÷ 2", () => this.guard(() => this.scaleRate(0.5)));
  private readonly twice = button("× 2", () => this.guard(() => this.scaleRate(2)));
  private readonly download = button("Download model", () => this.guard(() => this.downloadModel()));
  private readonly drawWith = button("Use in Draw", () => this.guard(() => this.drawWithModel()));
  private readonly modelPicker = filePicker(".safetensors", (file) => void this.openModel(file));

  constructor(root: HTMLElement, state: URLSearchParams, save: SaveState) {
    this.root = root;
    this.save = save;
    this.half.setAttribute("aria-label", "Halve the learning rate");
    this.twice.setAttribute("aria-label", "Double the learning rate");
    root.append(h("div", { class: "train" }, this.setupColumn(), this.trainingColumn()));
    this.form.restore(state);
    this.redraw();
    this.refresh();
  }

  restore(state: URLSearchParams): void {
    if (this.trainer.running) return;
    this.trainer.reset();
    this.form.restore(state);
    this.refresh();
  }

  unmount(): void {
    this.unmounted = true;
    this.trainer.running = false;
    this.loss.destroy();
    this.accuracy.destroy();
    delete this.root.dataset.running;
    delete this.root.dataset.done;
  }

  private setupColumn(): HTMLElement {
    const presets = Object.entries(PRESETS).map(([name, values]) =>
      button(name, () => this.usePreset(name, values), "chip-button"),
    );
    return h(
      "div",
      { class: "side" },
      h("h1", {}, "Train"),
      h(
        "p",
        { class: "lede" },
        "Train a model on MNIST in your browser with the lecture’s loop: sample a batch, compute the " +
          "loss and its gradients, take a step.",
      ),
      h("div", { class: "presets", role: "group", "aria-label": "Presets" }, ...presets),
      this.form.element,
    );
  }

  private trainingColumn(): HTMLElement {
    const rate = h(
      "span",
      { class: "rate-control" },
      h("span", {}, "learning rate "),
      this.rate,
      this.half,
      this.twice,
    );
    const load = button("Load a model…", () => this.modelPicker.click());
    return h(
      "div",
      { class: "stage" },
      h("div", { class: "controls" }, this.start, this.step, this.restart, rate),
      this.progress,
      this.status,
      this.model,
      h("div", { class: "charts" }, this.loss.element, this.accuracy.element),
      ...this.inside.elements,
      h("section", {}, h("h2", {}, "Runs"), this.table),
      h("div", { class: "tools" }, this.download, this.drawWith, load, this.modelPicker),
      h(
        "p",
        { class: "note" },
        "To evaluate a downloaded model on the test set, which this page never opens, run ",
        h("code", {}, "tercet evaluate trained.safetensors"),
        ". 5,000 of the 60,000 training images are held out; the first of them are the validation images.",
      ),
    );
  }

  private usePreset(name: string, values: Record<string, string>): void {
    if (this.trainer.running) return;
    this.trainer.reset();
    this.form.restore(new URLSearchParams(values));
    this.status.textContent = `${name}: press Train.`;
    this.refresh();
  }

  private startOrPause(): void {
    if (this.trainer.running) this.trainer.running = false;
    else this.guard(() => this.train());
  }

  private reset(status: string): void {
    this.trainer.reset();
    this.status.textContent = status;
    this.progress.value = 0;
    this.refresh();
  }

  private async train(): Promise<void> {
    this.trainer.running = true;
    this.refresh();
    await this.ensureStarted();
    if (this.unmounted) return;
    await this.trainer.train();
    const paused = this.trainer.open;
    if (paused) this.status.textContent = `Paused at step ${count(paused.steps)}.`;
  }

  private async trainOneStep(): Promise<void> {
    this.trainer.running = false;
    await this.ensureStarted();
    if (!this.unmounted) await this.trainer.step();
  }

  /** Starts a run unless one is open. MNIST is loaded before the first. */
  private async ensureStarted(): Promise<void> {
    if (this.trainer.open) return;
    if (!isMnistLoaded()) {
      this.status.textContent = "Loading MNIST …";
      await loadMnist((share) => {
        const percentage = `${Math.round(100 * share)} %`;
        this.status.textContent = share < 1 ? `Loading MNIST … ${percentage}` : "Checking MNIST …";
      });
    }
    this.model.textContent = await this.trainer.start(this.form);
  }

  private async scaleRate(factor: number): Promise<void> {
    if (!this.trainer.open) return;
    await engine.scaleLearningRate(factor);
    this.rate.textContent = `${this.rate.textContent ?? ""} × ${factor}`;
  }

  private async downloadModel(): Promise<void> {
    download(new Blob([await engine.trainedFile()]), "trained.safetensors");
  }

  private async drawWithModel(): Promise<void> {
    await addTrained();
    location.hash = "#/draw";
  }

  private async openModel(file: File): Promise<void> {
    try {
      await addFile(file);
      location.hash = "#/draw";
    } catch (error) {
      toast(messageOf(error));
    }
  }

  /** Ends the run if `work` fails. */
  private async guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.unmounted) return;
      this.trainer.fail();
      this.status.textContent = `Stopped: ${messageOf(error)}`;
      this.redraw();
    }
    if (!this.unmounted) this.refresh();
  }

  /** Shows the report of a slice. */
  private async report(run: Run, { step, total, learning_rate, stats }: Report): Promise<void> {
    if (this.unmounted) return;
    const { running, done } = this.trainer;
    this.progress.max = total;
    this.progress.value = step;
    this.rate.textContent = short(learning_rate);
    const state = done ? "Finished: step" : running ? "Training: step" : "Paused at step";
    const accuracy = run.validations.at(-1)?.validation_accuracy;
    this.status.textContent =
      `${state} ${count(step)} of ${count(total)}, ${fixed(run.milliseconds / 1000, 2)} s` +
      `${accuracy === undefined ? "" : `; validation accuracy ${percent(accuracy)}`}.`;
    const due = stats && performance.now() - this.redrawnAt > REDRAW_EVERY;
    if (!due && !done && running) return;
    this.redraw();
    await this.inside.update(this.form.isLinear(), stats);
    this.redrawnAt = performance.now();
  }

  /** Draws the curves and the table of runs. */
  private redraw(): void {
    this.loss.show(lossCurves());
    this.accuracy.show(accuracyCurves());
    const empty = h(
      "p",
      { class: "note" },
      "The runs of this visit are listed here, so that you can compare them.",
    );
    this.table.replaceChildren(runs.length ? runTable(() => this.redraw()) : empty);
  }

  /** Updates the buttons and the form. */
  private refresh(): void {
    const { run, running, done, open } = this.trainer;
    this.start.textContent = running ? "Pause" : open ? "Resume" : "Train";
    this.step.disabled = running;
    this.restart.disabled = running || !run;
    this.half.disabled = this.twice.disabled = !open;
    this.download.disabled = this.drawWith.disabled = !run;
    this.form.enable(!running && !open);
    this.root.dataset.running = String(running);
    this.root.dataset.done = String(done);
  }
}

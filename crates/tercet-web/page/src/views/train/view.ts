// Train: a model is trained on MNIST in the page.

import { announce } from "../../announce";
import { Chart } from "../../components/curves";
import { button, checkbox } from "../../components/field";
import { download, filePicker } from "../../components/file";
import { h, messageOf, toast } from "../../dom";
import { engine } from "../../engine";
import { count, fixed, percent, short } from "../../format";
import { isMnistLoaded, loadMnist } from "../../mnist";
import { addFile, addRun } from "../../models";
import type { Report } from "../../protocol";
import type { Mounted, SaveState, View } from "../../router";
import { diagnosis } from "./diagnosis";
import { Inside } from "./inside";
import { PRESETS } from "./presets";
import { accuracyCurves, lossCurves, type Run } from "./runs";
import { SetupForm } from "./setup";
import { RunTable } from "./table";
import { Trainer } from "./trainer";

/** How often curves and pictures are redrawn, in milliseconds. */
const REDRAW_EVERY = 250;

/** A step that takes longer, in milliseconds, is mentioned: Pause has to wait for it. */
const LONG_STEP = 1500;

const READY = "Choose a model and press Train.";

export const train: View = {
  name: "train",
  title: "Train",
  mount: (root, state, save) => new TrainView(root, state, save),
};

/** What the view is waiting for. */
type Waiting = "nothing" | "data" | "step";

class TrainView implements Mounted {
  private readonly root: HTMLElement;
  private readonly save: SaveState;
  private redrawnAt = 0;
  private waiting: Waiting = "nothing";
  /** Whether the visitor has cancelled the start of a run while its data was loaded. */
  private cancelled = false;

  private readonly trainer = new Trainer((run, report) => this.report(run, report));
  private readonly form = new SetupForm(() => this.save(this.form.toState()));
  private readonly status = h("p", { class: "status" }, READY);
  private readonly progress = h("progress", { max: 1, value: 0, "aria-label": "Training progress" });
  private readonly model = h("p", { class: "model-words" });
  private readonly rate = h("output", { class: "rate" });
  private readonly loss = new Chart("Loss");
  private readonly accuracy = new Chart("Accuracy", true);
  private readonly logScale = checkbox("logarithmic", false, () => this.redraw());
  private readonly remark = h("p", { class: "remark warning", hidden: true });
  private readonly inside = new Inside();
  private readonly table = new RunTable({
    onShow: () => this.redraw(),
    download: (run) => void this.tell(() => this.downloadModel(run)),
    use: (run) => void this.tell(() => this.drawWithModel(run)),
  });

  private readonly start = button("Train", () => this.pressStart(), "primary");
  private readonly step = button("One step", () => void this.guard(() => this.trainOneStep()));
  private readonly restart = button("Restart", () => void this.guard(() => this.reset()));
  private readonly half = button("÷ 2", () => void this.tell(() => this.scaleRate(0.5)));
  private readonly twice = button("× 2", () => void this.tell(() => this.scaleRate(2)));
  private readonly download = button("Download model", () => this.withRun((run) => this.downloadModel(run)));
  private readonly drawWith = button("Use in Draw", () => this.withRun((run) => this.drawWithModel(run)));
  private readonly modelPicker = filePicker(".safetensors", (file) => void this.tell(() => openModel(file)));

  constructor(root: HTMLElement, state: URLSearchParams, save: SaveState) {
    this.root = root;
    this.save = save;
    this.half.setAttribute("aria-label", "÷ 2: halve the learning rate");
    this.twice.setAttribute("aria-label", "× 2: double the learning rate");
    this.loss.element.querySelector("figcaption")?.append(this.logScale.element);
    root.append(h("div", { class: "train" }, this.intro(), this.settings(), this.stage()));
    this.form.restore(state);
    this.redraw();
    this.refresh();
  }

  /** A link sets the form; the model stays until another one is trained. */
  restore(state: URLSearchParams): void {
    if (this.isBusy() || this.trainer.open) {
      this.save(this.form.toState());
      toast("A model is being trained: press Restart before you change its settings.");
      return;
    }
    this.form.restore(state);
    this.refresh();
  }

  private intro(): HTMLElement {
    const presets = Object.entries(PRESETS).map(([name, values]) =>
      button(name, () => void this.guard(() => this.usePreset(name, values)), "chip-button"),
    );
    const words =
      "Train a model on MNIST in your browser with the lecture’s loop: sample a batch, compute the " +
      "loss and its gradients, take a step.";
    return h(
      "div",
      { class: "intro" },
      h("h1", {}, "Train"),
      h("p", { class: "lede" }, words),
      h("div", { class: "presets", role: "group", "aria-label": "Presets" }, ...presets),
    );
  }

  private settings(): HTMLElement {
    return h(
      "details",
      { class: "settings", open: innerWidth > 900 },
      h("summary", {}, "Settings"),
      this.form.element,
    );
  }

  private stage(): HTMLElement {
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
      h("div", { class: "tools" }, this.drawWith, this.download, load, this.modelPicker),
      h("div", { class: "charts" }, this.loss.element, this.accuracy.element),
      this.remark,
      h("section", {}, h("h2", {}, "Runs"), this.table.element),
      ...this.inside.elements,
      h(
        "p",
        { class: "note" },
        "To evaluate a downloaded model on the test set, which this page never opens, run ",
        h("code", {}, "tercet evaluate trained.safetensors"),
        ". 5,000 of the 60,000 training images are held out; the first of them are the validation images.",
      ),
    );
  }

  private isBusy(): boolean {
    return this.trainer.running || this.waiting !== "nothing";
  }

  private async usePreset(name: string, values: Record<string, string>): Promise<void> {
    if (this.isBusy()) return;
    if (this.trainer.open) await this.trainer.end();
    this.form.restore(new URLSearchParams(values));
    this.say(`${name}: press Train.`);
    this.progress.value = 0;
  }

  /** Train, Pause, Resume or Cancel. */
  private pressStart(): void {
    if (this.waiting === "data") {
      this.cancelled = true;
      this.say("Cancelled; MNIST is still being loaded for the next run.");
    } else if (this.trainer.running) {
      this.trainer.running = false;
      this.say(`Pausing${this.afterStep()} …`);
    } else if (this.waiting === "nothing") void this.guard(() => this.train());
    this.refresh();
  }

  /** How long Pause has to wait, if that is long. */
  private afterStep(): string {
    const { stepTime } = this.trainer;
    return stepTime > LONG_STEP ? ` after this step, which takes about ${fixed(stepTime / 1000, 0)} s` : "";
  }

  private async reset(): Promise<void> {
    await this.trainer.end();
    this.say(READY);
    this.progress.value = 0;
    this.redraw();
  }

  private async train(): Promise<void> {
    if (!(await this.ensureStarted())) return;
    this.trainer.running = true;
    this.refresh();
    this.say(this.trainer.run?.steps ? "Training …" : "Training: the first step …");
    await this.trainer.train();
    const paused = this.trainer.open;
    if (paused) this.say(`Paused at step ${count(paused.steps)}.`);
    else announce(this.status.textContent ?? "");
  }

  private async trainOneStep(): Promise<void> {
    if (!(await this.ensureStarted())) return;
    this.waiting = "step";
    this.refresh();
    await this.trainer.step();
    announce(this.status.textContent ?? "");
  }

  /** Starts a run unless one is open; the result is false if the visitor cancelled that. */
  private async ensureStarted(): Promise<boolean> {
    if (this.trainer.open) return true;
    this.cancelled = false;
    this.waiting = "data";
    this.refresh();
    if (!isMnistLoaded()) {
      await loadMnist((words) => {
        if (!this.cancelled) this.status.textContent = words;
      });
    }
    if (this.cancelled) return false;
    this.model.textContent = await this.trainer.start(this.form);
    this.progress.value = 0;
    this.waiting = "nothing";
    return true;
  }

  private async scaleRate(factor: number): Promise<void> {
    if (!this.trainer.open) return;
    await engine.scaleLearningRate(factor);
    const rate = Number(this.rate.dataset.value) * factor;
    this.showRate(rate);
  }

  private showRate(rate: number): void {
    this.rate.dataset.value = String(rate);
    this.rate.textContent = short(rate);
  }

  private withRun(work: (run: Run) => Promise<void>): void {
    const { run } = this.trainer;
    if (run) void this.tell(() => work(run));
  }

  private async downloadModel(run: Run): Promise<void> {
    download(new Blob([await this.trainer.fileOf(run)]), "trained.safetensors");
    run.downloaded = !this.trainer.open || run !== this.trainer.run;
  }

  private async drawWithModel(run: Run): Promise<void> {
    await addRun(run.number, `Run ${run.number}: ${run.title}`, await this.trainer.fileOf(run));
    location.hash = "#/draw";
  }

  /** Reports an error of work that does not concern the training. */
  private async tell(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      toast(messageOf(error));
    }
  }

  /** Ends the run if `work` fails. */
  private async guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.trainer.fail();
      this.say(`Stopped: ${messageOf(error)}`);
      this.redraw();
    }
    this.waiting = "nothing";
    this.refresh();
  }

  /** Shows a state and announces it. */
  private say(words: string): void {
    this.status.textContent = words;
    announce(words);
  }

  /** Shows the report of a slice. */
  private async report(run: Run, { step, total, learning_rate, stats }: Report): Promise<void> {
    const { running, done } = this.trainer;
    this.progress.max = total;
    this.progress.value = step;
    this.showRate(learning_rate);
    const state = done ? "Finished: step" : running ? "Training: step" : "Paused at step";
    const accuracy = run.validations.at(-1)?.validation_accuracy;
    this.status.textContent =
      `${state} ${count(step)} of ${count(total)}, ${fixed(run.milliseconds / 1000, 2)} s` +
      `${accuracy === undefined ? "" : `; validation accuracy ${percent(accuracy)}`}.`;
    if (running) this.refresh();
    const due = stats && performance.now() - this.redrawnAt > REDRAW_EVERY;
    if (!due && !done && running) return;
    this.redraw();
    await this.inside.update(this.form.isLinear(), stats);
    this.redrawnAt = performance.now();
  }

  /** Draws the curves and the table of runs. */
  private redraw(): void {
    this.loss.useLogarithm(this.logScale.get());
    this.loss.show(lossCurves());
    this.accuracy.show(accuracyCurves());
    this.table.update();
    const words = this.trainer.run && diagnosis(this.trainer.run);
    this.remark.hidden = !words;
    this.remark.textContent = words ?? "";
  }

  /** Updates the buttons and the form. */
  private refresh(): void {
    const { run, running, done, open, computing } = this.trainer;
    const pausing = !running && computing && this.waiting === "nothing";
    const loading = this.waiting === "data" && !this.cancelled;
    const busy = running || pausing || this.waiting !== "nothing";
    this.start.textContent = loading
      ? "Cancel"
      : running
        ? "Pause"
        : pausing
          ? "Pausing …"
          : open
            ? "Resume"
            : "Train";
    this.start.disabled = pausing || this.waiting === "step" || (this.waiting === "data" && this.cancelled);
    this.step.disabled = busy;
    this.restart.disabled = busy || !open;
    this.half.disabled = this.twice.disabled = !open;
    this.download.disabled = this.drawWith.disabled = !run?.steps || (done && !run.file);
    this.form.enable(!busy && !open);
    this.root.dataset.running = String(running);
    this.root.dataset.done = String(done);
  }
}

/** Opens a model file and shows it in the Draw view. */
async function openModel(file: File): Promise<void> {
  await addFile(file);
  location.hash = "#/draw";
}

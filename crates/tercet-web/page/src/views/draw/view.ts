// Draw: every model classifies a digit while it is drawn.

import { button } from "../../components/field";
import { download, filePicker } from "../../components/file";
import { h, messageOf, toast } from "../../dom";
import { engine } from "../../engine";
import { fixed } from "../../format";
import { addAllNeighbors, addFile, type Model, models, removeModel, SHIPPED } from "../../models";
import type { Predictions } from "../../protocol";
import type { Mounted, SaveState, View } from "../../router";
import { hasClassesOf } from "./answers";
import { type Card, card, loadingCard } from "./cards";
import { Demonstration } from "./demonstration";
import { lastDrawing } from "./last";
import { Pad } from "./pad";
import { acceptDrops, decodePicture, type Photo, pastedPicture, pngOf } from "./picture";
import { Raster } from "./raster";
import { Stages } from "./stages";
import { decode, EXAMPLES, encode, SIDE, type Stroke } from "./strokes";
import { VerdictPanel } from "./verdict";

const ADD_ALL = "Use all 60,000 images";

/** More ink than this share of the pad leaves no background for a digit to stand out from. */
const MOST_INK = 0.6;

/** The digit that draws itself when the page is opened. */
const FIRST_EXAMPLE = 5;

export const draw: View = {
  name: "draw",
  title: "Draw",
  mount: (root, state, save) => new DrawView(root, state, save),
};

class DrawView implements Mounted {
  private readonly root: HTMLElement;
  private readonly save: SaveState;
  private cards: Card[] = [];
  /** A picture that was opened, shown instead of strokes. */
  private photo: Photo | null = null;
  /** The class whose template the linear classifier shows, or −1 for the winner. */
  private selected = -1;
  private busy = false;
  private again = false;
  private isShown = true;

  private readonly pad = new Pad((ended) => this.drawn(ended));
  private readonly demonstration = new Demonstration((strokes) => this.demonstrate(strokes));
  private readonly raster = new Raster();
  private readonly stages = new Stages();
  private readonly verdict = new VerdictPanel((index) => this.select(index));
  private readonly cardList = h("section", { class: "cards", "aria-label": "Predictions of all models" });
  private readonly picturePicker = filePicker("image/*", (file) => void this.openPicture(file));
  private readonly modelPicker = filePicker(".safetensors", (file) => void this.openModel(file));
  private readonly addAll = button(ADD_ALL, () => void this.addAllImages());
  private readonly savePicture = button("Save", () => void this.saveAsPicture());

  constructor(root: HTMLElement, state: URLSearchParams, save: SaveState) {
    this.root = root;
    this.save = save;
    this.addAll.title = "Loads MNIST and adds nearest neighbours among all of its training images";
    root.append(
      h("h1", { class: "hidden" }, "Draw a digit"),
      h(
        "div",
        { class: "draw" },
        this.padColumn(),
        this.verdict.element,
        this.details(),
        this.preprocessing(),
      ),
    );
    acceptDrops(this.pad.element, (file) => {
      void (file.name.endsWith(".safetensors") ? this.openModel(file) : this.openPicture(file));
    });
    document.addEventListener("paste", (event) => this.pasted(event));
    document.addEventListener("themechange", () => void this.predict());
    this.cardList.append(...SHIPPED.map(loadingCard));
    if (state.has("ink")) this.restore(state);
    else this.demonstration.start(EXAMPLES[FIRST_EXAMPLE] ?? [], true);
    void this.loadModels();
  }

  restore(state: URLSearchParams): void {
    this.demonstration.stop();
    this.pad.setStrokes(decode(state.get("ink") ?? ""));
    this.photo = null;
    this.selected = state.has("class") ? Number(state.get("class")) : -1;
    void this.predict();
  }

  onShow(): void {
    this.isShown = true;
    void this.loadModels();
  }

  onHide(): void {
    this.isShown = false;
    this.demonstration.finish();
  }

  private padColumn(): HTMLElement {
    return h(
      "div",
      { class: "pad-column" },
      this.pad.element,
      this.padTools(),
      this.digits(),
      this.picturePicker,
      this.modelPicker,
    );
  }

  private padTools(): HTMLElement {
    const width = h("input", {
      type: "range",
      min: "6",
      max: "48",
      value: "20",
      "aria-label": "Pen width",
      oninput: () => this.pad.setPenWidth(Number(width.value)),
    });
    return h(
      "div",
      { class: "tools" },
      button("Clear", () => this.use([]), "primary"),
      button("Undo", () => this.pad.undo()),
      button("Picture…", () => this.picturePicker.click()),
      this.savePicture,
      h("label", { class: "pen" }, h("span", {}, "Pen"), width),
    );
  }

  /** A button for an example of each digit. */
  private digits(): HTMLElement {
    const buttons = EXAMPLES.map((example, digit) => {
      const one = button(String(digit), () => this.showExample(example));
      one.setAttribute("aria-label", `Draw a ${digit}`);
      return one;
    });
    return h("div", { class: "digits", role: "group", "aria-label": "Example digits" }, ...buttons);
  }

  private preprocessing(): HTMLElement {
    return h(
      "section",
      { class: "preprocessing" },
      h("h2", { class: "small" }, "Preprocessing"),
      this.stages.element,
      h(
        "p",
        { class: "note" },
        "MNIST’s digits are light on dark, fit into 20 × 20 pixels and are centred by their centre of " +
          "mass. A drawing is preprocessed in the same way; without that, accuracy drops sharply.",
      ),
    );
  }

  private details(): HTMLElement {
    const tools = h(
      "div",
      { class: "tools more" },
      this.addAll,
      button("Load a model…", () => this.modelPicker.click()),
      h(
        "span",
        { class: "note" },
        "A model file written by ",
        h("code", {}, "tercet train"),
        ". You can also drop a picture or a model on the pad, or paste a picture.",
      ),
    );
    const title = h("h2", { class: "hidden" }, "How each model decides");
    return h("div", { class: "predictions" }, title, this.cardList, tools);
  }

  private async loadModels(): Promise<void> {
    try {
      const [list, thresholds] = await Promise.all([models(), engine.thresholds()]);
      this.verdict.thresholds = thresholds;
      this.showModels(list);
      await this.predict();
      this.root.dataset.ready = "true";
    } catch (error) {
      this.verdict.showProblem(`The models could not be loaded: ${messageOf(error)} `, () => {
        this.verdict.showProblem("Loading four models …");
        void this.loadModels();
      });
    }
  }

  private showModels(list: Model[]): void {
    const isAdded = list.some((model) => model.name === "all");
    if (this.addAll.disabled !== isAdded) {
      this.addAll.disabled = isAdded;
      this.addAll.textContent = isAdded ? "All 60,000 images added" : ADD_ALL;
    }
    this.cards = list.map((model) =>
      card(model, !hasClassesOf(list[0], model), model.added ? () => void this.remove(model) : null),
    );
    this.verdict.setModels(list);
    this.cardList.replaceChildren(...this.cards.map((one) => one.element));
  }

  private async remove(model: Model): Promise<void> {
    await removeModel(model.name);
    this.showModels(await models());
    await this.predict();
  }

  private select(index: number): void {
    this.selected = index;
    this.saveState();
    void this.predict();
  }

  private drawn(ended: boolean): void {
    this.demonstration.stop();
    this.photo = null;
    void this.predict();
    if (ended) this.saveState();
  }

  /** Shows strokes that the page draws. */
  private demonstrate(strokes: Stroke[]): void {
    this.photo = null;
    this.pad.setStrokes(strokes);
    void this.predict();
    if (!this.demonstration.isRunning && !this.demonstration.isFirst) this.saveState();
  }

  private use(strokes: Stroke[]): void {
    this.demonstration.stop();
    this.photo = null;
    this.pad.setStrokes(strokes);
    this.saveState();
    void this.predict();
  }

  private showExample(strokes: Stroke[]): void {
    this.demonstration.start(strokes);
  }

  private saveState(): void {
    const state = new URLSearchParams();
    if (this.pad.strokes.length) state.set("ink", encode(this.pad.strokes));
    if (this.selected >= 0) state.set("class", String(this.selected));
    this.save(state);
  }

  /** Classifies the drawing. While one is being classified, only the last of those that follow is kept. */
  private async predict(): Promise<void> {
    this.again = true;
    if (this.busy || this.cards.length === 0) return;
    this.busy = true;
    this.root.dataset.busy = "true";
    while (this.again) {
      this.again = false;
      try {
        await this.predictOnce();
      } catch (error) {
        // Nothing of the last answer stays next to an error.
        this.show(null);
        this.verdict.showRejection(messageOf(error));
      }
    }
    this.busy = false;
    this.root.dataset.busy = String(this.demonstration.isRunning);
  }

  private async predictOnce(): Promise<void> {
    const { photo, pad, selected } = this;
    this.savePicture.disabled = !photo && pad.strokes.length === 0;
    if (!photo && pad.strokes.length === 0) {
      this.show(null);
      return;
    }
    const start = performance.now();
    const predictions = photo
      ? await engine.predict(photo.width, photo.height, 3, photo.pixels.slice(), selected)
      : await engine.predict(SIDE, SIDE, 1, this.ink(pad.strokes), selected);
    this.root.dataset.computing = fixed(performance.now() - start, 1);
    this.show(predictions);
    // From the stroke to the displayed predictions.
    this.root.dataset.milliseconds = fixed(performance.now() - start, 1);
  }

  /** The pixels of strokes. */
  private ink(strokes: Stroke[]): Uint8Array {
    const grey = this.raster.grey(strokes);
    if (grey.reduce((dark, value) => dark + (value < 128 ? 1 : 0), 0) <= MOST_INK * grey.length) return grey;
    throw new Error(
      "The pad is almost covered with ink, so nothing stands out from a background. Clear it, and draw " +
        "with a thinner pen.",
    );
  }

  private show(predictions: Predictions | null): void {
    const found = new Map(predictions?.models ?? []);
    for (const one of this.cards) one.show(found.get(one.model.name) ?? null);
    const first = found.get("convolution") ?? [...found.values()][0];
    lastDrawing.prepared = first?.prepared ?? lastDrawing.prepared;
    this.stages.show(predictions);
    this.verdict.show(
      predictions,
      this.cards.map((one) => one.model),
    );
  }

  private pasted(event: ClipboardEvent): void {
    const picture = this.isShown ? pastedPicture(event) : null;
    if (picture) void this.openPicture(picture);
  }

  private async openPicture(file: Blob): Promise<void> {
    try {
      const { bitmap, photo } = await decodePicture(file);
      this.demonstration.stop();
      this.photo = photo;
      this.pad.setPicture(bitmap);
      this.save(new URLSearchParams());
      void this.predict();
    } catch {
      toast("This browser cannot read that picture. Use a PNG or JPEG file.");
    }
  }

  private async openModel(file: File): Promise<void> {
    try {
      await addFile(file);
      this.showModels(await models());
      await this.predict();
    } catch (error) {
      toast(messageOf(error));
    }
  }

  private async saveAsPicture(): Promise<void> {
    const png = this.photo ? await pngOf(this.photo) : await this.raster.png(this.pad.strokes);
    if (png) download(png, "digit.png");
  }

  private async addAllImages(): Promise<void> {
    this.addAll.disabled = true;
    try {
      await addAllNeighbors((words) => {
        this.addAll.textContent = words;
      });
      this.showModels(await models());
      await this.predict();
    } catch (error) {
      this.addAll.disabled = false;
      this.addAll.textContent = ADD_ALL;
      toast(messageOf(error));
    }
  }
}

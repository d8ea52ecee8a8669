// Draw: every model classifies a digit while it is drawn.

import { button } from "../../components/field";
import { download, filePicker } from "../../components/file";
import { h, messageOf, toast } from "../../dom";
import { engine } from "../../engine";
import { fixed } from "../../format";
import { addAllNeighbors, addFile, type Model, models } from "../../models";
import type { Predictions } from "../../protocol";
import type { Mounted, SaveState, View } from "../../router";
import { type Card, card } from "./cards";
import { lastDrawing } from "./last";
import { Pad } from "./pad";
import { acceptDrops, decodePicture, type Photo, pastedPicture } from "./picture";
import { Raster } from "./raster";
import { Stages } from "./stages";
import { decode, EXAMPLES, encode, SIDE, type Stroke } from "./strokes";
import { VerdictPanel } from "./verdict";

const ADD_ALL = "Use all 60,000 images";

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
  private nextExample = 0;
  private busy = false;
  private again = false;
  private unmounted = false;

  private readonly pad = new Pad((ended) => this.drawn(ended));
  private readonly raster = new Raster();
  private readonly stages = new Stages();
  private readonly verdict = new VerdictPanel();
  private readonly cardList = h("section", { class: "cards", "aria-label": "Predictions of all models" });
  private readonly picturePicker = filePicker("image/*", (file) => void this.openPicture(file));
  private readonly modelPicker = filePicker(".safetensors", (file) => void this.openModel(file));
  private readonly addAll = button(ADD_ALL, () => void this.addAllImages());
  private readonly repaint = () => void this.predict();
  private readonly onPaste = (event: ClipboardEvent) => {
    const picture = pastedPicture(event);
    if (picture) void this.openPicture(picture);
  };

  constructor(root: HTMLElement, state: URLSearchParams, save: SaveState) {
    this.root = root;
    this.save = save;
    this.addAll.title = "Loads MNIST and adds nearest neighbours among all of its training images";
    root.append(
      h("h1", { class: "hidden" }, "Draw a digit"),
      h("div", { class: "draw" }, this.padColumn(), this.predictions()),
    );
    acceptDrops(this.pad.element, (file) => {
      void (file.name.endsWith(".safetensors") ? this.openModel(file) : this.openPicture(file));
    });
    document.addEventListener("paste", this.onPaste);
    document.addEventListener("themechange", this.repaint);
    this.show(null);
    this.restore(state);
    void this.loadModels();
  }

  restore(state: URLSearchParams): void {
    this.pad.setStrokes(decode(state.get("ink") ?? ""));
    this.photo = null;
    this.selected = state.has("class") ? Number(state.get("class")) : -1;
    void this.predict();
  }

  unmount(): void {
    this.unmounted = true;
    delete this.root.dataset.ready;
    delete this.root.dataset.busy;
    this.pad.destroy();
    document.removeEventListener("paste", this.onPaste);
    document.removeEventListener("themechange", this.repaint);
  }

  private padColumn(): HTMLElement {
    return h(
      "div",
      { class: "pad-column" },
      this.pad.element,
      this.padTools(),
      h("h2", { class: "small" }, "Preprocessing"),
      this.stages.element,
      h(
        "p",
        { class: "note" },
        "MNIST’s digits are light on dark, fit into 20 × 20 pixels and are centred by their centre of " +
          "mass. A drawing is preprocessed in the same way; without that, accuracy drops sharply.",
      ),
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
      button("Example", () => this.showExample()),
      button("Picture…", () => this.picturePicker.click()),
      button("Save", () => void this.savePicture()),
      h("label", { class: "pen" }, h("span", {}, "Pen"), width),
    );
  }

  private predictions(): HTMLElement {
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
    return h("div", { class: "predictions" }, this.verdict.element, this.cardList, tools);
  }

  private async loadModels(): Promise<void> {
    try {
      const [list, thresholds] = await Promise.all([models(), engine.thresholds()]);
      this.verdict.thresholds = thresholds;
      if (this.unmounted) return;
      this.root.dataset.ready = "true";
      if (list.some((model) => model.name === "all")) this.addAll.disabled = true;
      this.showCards(list);
    } catch (error) {
      toast(`The models could not be loaded: ${messageOf(error)}`);
    }
  }

  private showCards(list: Model[]): void {
    this.cards = list.map((model) => card(model, (index) => this.select(index)));
    this.cardList.replaceChildren(...this.cards.map((one) => one.element));
    void this.predict();
  }

  private select(index: number): void {
    this.selected = index;
    this.saveState();
    void this.predict();
  }

  private drawn(ended: boolean): void {
    this.photo = null;
    void this.predict();
    if (ended) this.saveState();
  }

  private use(strokes: Stroke[]): void {
    this.photo = null;
    this.pad.setStrokes(strokes);
    this.saveState();
    void this.predict();
  }

  private showExample(): void {
    const example = EXAMPLES[this.nextExample++ % EXAMPLES.length] ?? [];
    this.use(structuredClone(example));
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
    if (this.busy) return;
    this.busy = true;
    this.root.dataset.busy = "true";
    try {
      while (this.again && !this.unmounted) {
        this.again = false;
        await this.predictOnce();
      }
    } catch (error) {
      this.verdict.showProblem(messageOf(error));
    } finally {
      this.busy = false;
      if (!this.unmounted) this.root.dataset.busy = "false";
    }
  }

  private async predictOnce(): Promise<void> {
    const { photo, pad, selected } = this;
    if (!photo && pad.strokes.length === 0) {
      this.show(null);
      return;
    }
    const start = performance.now();
    const predictions = photo
      ? await engine.predict(photo.width, photo.height, 3, photo.pixels.slice(), selected)
      : await engine.predict(SIDE, SIDE, 1, this.raster.grey(pad.strokes), selected);
    if (this.unmounted) return;
    this.root.dataset.computing = fixed(performance.now() - start, 1);
    this.show(predictions);
    // From the stroke to the displayed predictions.
    this.root.dataset.milliseconds = fixed(performance.now() - start, 1);
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

  private async openPicture(file: Blob): Promise<void> {
    try {
      const { bitmap, photo } = await decodePicture(file);
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
      this.showCards(await models());
    } catch (error) {
      toast(messageOf(error));
    }
  }

  private async savePicture(): Promise<void> {
    const png = await this.raster.png(this.pad.strokes);
    if (png) download(png, "digit.png");
  }

  private async addAllImages(): Promise<void> {
    this.addAll.disabled = true;
    try {
      await addAllNeighbors((share) => {
        this.addAll.textContent =
          share < 1 ? `Loading MNIST … ${Math.round(100 * share)} %` : "Storing 60,000 images …";
      });
      this.addAll.textContent = "All 60,000 images added";
      if (!this.unmounted) this.showCards(await models());
    } catch (error) {
      this.addAll.disabled = false;
      this.addAll.textContent = ADD_ALL;
      toast(messageOf(error));
    }
  }
}

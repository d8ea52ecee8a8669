// Understand, the map: 2,000 digits on the two principal components, with the drawing among them.

import { announce } from "../../announce";
import { paintGrey, picture, pictureRow } from "../../components/image";
import { h, messageOf } from "../../dom";
import { models, shippedImages } from "../../models";
import type { Pixels } from "../../protocol";
import type { Mounted, View } from "../../router";
import type { StoredImages } from "../../weights";
import { lastDrawing, preparedExample } from "../draw/last";
import { MapCanvas } from "./canvas";
import { coordinates, nearest, type Projection, project } from "./projection";

/** How many neighbours the drawing is connected with. */
const NEIGHBORS = 5;

/** The side of an image. */
const SIDE = 28;

export const map: View = {
  name: "map",
  title: "Map",
  mount: (root) => new MapView(root),
};

class MapView implements Mounted {
  private projection: Projection | null = null;
  private images: StoredImages | null = null;
  private drawing: { x: number; y: number } | null = null;
  private neighbors: number[] = [];
  private pointed = -1;

  private readonly canvas = new MapCanvas((index) => this.point(index));
  private readonly status = h("p", { class: "status" }, "Loading the images …");
  private readonly title = h("h2", {}, "Your drawing");
  private readonly own = picture("The drawing, as the models receive it");
  private readonly list = h("ol", { class: "neighbors" });
  private readonly showNeighbors = pictureRow(this.list);
  private readonly pointedPicture = picture("The image under the pointer");
  private readonly pointedWords = h("figcaption", {}, "Point at a figure to see its image.");

  constructor(root: HTMLElement) {
    const side = h(
      "div",
      { class: "map-side" },
      this.title,
      h("figure", { class: "map-picture" }, this.own),
      h("h2", {}, "Its nearest neighbours in all 784 pixels"),
      this.list,
      h("h2", {}, "Under the pointer"),
      h("figure", { class: "map-picture" }, this.pointedPicture, this.pointedWords),
    );
    root.append(
      h("h1", {}, "The map"),
      h(
        "p",
        { class: "lede" },
        "Each of 2,000 stored digits is a point with 784 coordinates, one for each pixel. The map shows " +
          "the two directions in which they differ most, their principal components, and where your " +
          "drawing lies.",
      ),
      h("div", { class: "map" }, h("div", {}, this.status, this.canvas.element), side),
    );
    document.addEventListener("themechange", () => this.paint());
    void this.load();
  }

  onShow(): void {
    void this.placeDrawing();
  }

  private async load(): Promise<void> {
    try {
      const [first] = await models();
      this.images = shippedImages();
      if (!this.images) throw new Error("The stored images could not be read.");
      const { rows, labels, pixels } = this.images;
      this.projection = await project(rows, pixels, (share) => {
        this.status.textContent = `Computing the principal components: ${Math.round(100 * share)} %`;
      });
      const { points } = this.projection;
      const names = first?.about.classes ?? [];
      const mark = (index: number, i: number) => ({
        x: points[2 * i] ?? 0,
        y: points[2 * i + 1] ?? 0,
        label: names[index] ?? "",
        class: index,
      });
      this.canvas.setMarks(Array.from(labels, mark));
      await this.placeDrawing();
    } catch (error) {
      this.status.textContent = messageOf(error);
    }
  }

  /** Puts the last drawing on the map, or an example if nothing was drawn. */
  private async placeDrawing(): Promise<void> {
    const { projection, images } = this;
    const prepared = lastDrawing.prepared ?? (await preparedExample(5));
    if (!projection || !images || !prepared || prepared.width * prepared.height !== images.pixels) return;
    const pixels = Uint8Array.from(atob(prepared.pixels), (letter) => letter.charCodeAt(0));
    const [x, y] = coordinates(projection, pixels);
    this.drawing = { x, y };
    this.neighbors = nearest(images.rows, pixels, NEIGHBORS);
    this.title.textContent = lastDrawing.prepared ? "Your drawing" : "An example: draw your own in Draw";
    paintGrey(this.own, prepared);
    this.showNeighbors(
      this.neighbors.map((index) => ({
        label: `stored image of class ${images.labels[index]}`,
        words: [h("b", {}, String(images.labels[index] ?? ""))],
        paint: (canvas) => paintGrey(canvas, stored(images, index)),
      })),
    );
    const share = Math.round(100 * projection.variance);
    this.status.textContent =
      `The two directions have ${share} % of the variance: images that are far apart may lie on one spot ` +
      "here, and the lines to the nearest neighbours may be long.";
    const found = this.neighbors.map((index) => images.labels[index]).join(", ");
    announce(`The nearest neighbours of your drawing are images of the classes ${found}.`);
    this.paint();
  }

  private point(index: number): void {
    if (!this.images || index === this.pointed) return;
    this.pointed = index;
    paintGrey(this.pointedPicture, stored(this.images, index));
    this.pointedWords.textContent = `image ${index}, class ${this.images.labels[index]}`;
    this.paint();
  }

  private paint(): void {
    this.canvas.paint(this.drawing, this.neighbors, this.pointed);
    const label = `Map of ${this.images?.labels.length ?? 0} digits by their two principal components`;
    this.canvas.element.setAttribute("aria-label", label);
  }
}

/** A stored image as a picture. */
function stored({ rows, pixels }: StoredImages, index: number): Pixels {
  const row = rows.subarray(index * pixels, (index + 1) * pixels);
  return { width: SIDE, height: pixels / SIDE, pixels: btoa(String.fromCharCode(...row)) };
}

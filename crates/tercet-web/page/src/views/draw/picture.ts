// Picture files: chosen, pasted, or dropped on the pad.

import { h } from "../../dom";

/** The longer side of a picture is reduced to this. */
const LONGEST = 1024;

/** A picture in colour, (height, width, 3). */
export interface Photo {
  width: number;
  height: number;
  pixels: Uint8Array;
}

/** Decodes a picture that the browser can read. Transparent pixels become white. */
export async function decodePicture(blob: Blob): Promise<{ bitmap: ImageBitmap; photo: Photo }> {
  const bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = h("canvas", { width, height });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser has no canvas");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  const rgba = context.getImageData(0, 0, width, height).data;
  const pixels = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) pixels.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  return { bitmap, photo: { width, height, pixels } };
}

/** A picture as a PNG. */
export function pngOf({ width, height, pixels }: Photo): Promise<Blob | null> {
  const canvas = h("canvas", { width, height });
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    image.data.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i);
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve));
}

/** The picture on a clipboard, if there is one. */
export function pastedPicture(event: ClipboardEvent): File | null {
  const item = [...(event.clipboardData?.items ?? [])].find((one) => one.type.startsWith("image/"));
  return item?.getAsFile() ?? null;
}

/** Calls `onFile` with each file that is dropped on an element. */
export function acceptDrops(element: HTMLElement, onFile: (file: File) => void): void {
  element.addEventListener("dragover", (event) => {
    event.preventDefault();
    element.classList.add("over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    element.classList.remove("over");
    const [file] = event.dataTransfer?.files ?? [];
    if (file) onFile(file);
  });
}

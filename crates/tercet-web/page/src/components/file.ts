// Files that the visitor chooses or saves.

import { h } from "../dom";

/** A hidden input: `click()` opens the browser's dialogue; `onFile` is called with the chosen file. */
export function filePicker(accept: string, onFile: (file: File) => void): HTMLInputElement {
  const input = h("input", {
    type: "file",
    accept,
    hidden: true,
    onchange: () => {
      const [file] = input.files ?? [];
      // The same file can be chosen again.
      input.value = "";
      if (file) onFile(file);
    },
  });
  return input;
}

/** Saves bytes as a download. */
export function download(blob: Blob, name: string): void {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

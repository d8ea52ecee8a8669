// Work that a reload would lose: the browser asks before it closes the page.

const unsaved: (() => boolean)[] = [];

/** Registers a function that tells whether there is unsaved work. */
export function protectWork(isUnsaved: () => boolean): void {
  if (unsaved.length === 0) {
    addEventListener("beforeunload", (event) => {
      if (unsaved.some((is) => is())) event.preventDefault();
    });
  }
  unsaved.push(isUnsaved);
}

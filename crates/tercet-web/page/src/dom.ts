// Elements, made in one expression: h("button", { class: "quiet", onclick: go }, "Go").

type Child = Node | string | null | undefined | false;
type Properties = Record<string, unknown>;

/**
 * An element with properties, attributes and children. Functions become listeners, `class` and `aria-…`
 * attributes.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setProperties(element, properties);
  element.append(...children.filter(isShown));
  return element;
}

/** The same for SVG. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.filter(isShown));
  return element;
}

/** A child may be conditional: `condition && child`. */
const isShown = (child: Child): child is Node | string =>
  child !== null && child !== undefined && child !== false;

function setProperties(element: HTMLElement, properties: Properties): void {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else if (name === "class" || name === "for" || name === "role" || name === "list" || name.includes("-")) {
      if (value !== undefined && value !== false) element.setAttribute(name, String(value));
    } else if (value !== undefined) (element as unknown as Properties)[name] = value;
  }
}

/** An element of index.html. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}

/** Shows an error message for a few seconds; screen readers announce it. */
export function toast(message: string): void {
  const element = byId("toast");
  element.textContent = message;
  element.classList.add("shown");
  window.clearTimeout(Number(element.dataset.timer));
  element.dataset.timer = String(window.setTimeout(() => element.classList.remove("shown"), 8000));
}

/** Shows an error that the page cannot recover from. It stays, with a button that loads the page again. */
export function showFailure(message: string): void {
  const element = byId("failure");
  const reload = h("button", { type: "button", onclick: () => location.reload() }, "Reload");
  element.replaceChildren(h("p", {}, message), reload);
  element.hidden = false;
}

/** The message of an error. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

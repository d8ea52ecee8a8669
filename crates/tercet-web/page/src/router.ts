// The state of a view is in the address, `#/train?model=linear&loss=svm`, so a link restores it.
//
// A view is built when it is first opened and lives as long as the tab: another view takes its place, and
// coming back shows it as it was. An address without a question mark, `#/train`, opens the view as it is; one
// with a question mark restores the state that it contains.

import { byId, h, messageOf } from "./dom";

/** The interface of a view. A view is a folder, and no other code depends on its contents. */
export interface View {
  /** The name in the address. */
  readonly name: string;
  /** The title in the navigation. */
  readonly title: string;
  /** Builds the view from the state in the address. */
  mount(root: HTMLElement, state: URLSearchParams, save: SaveState): Mounted;
}

/** Writes the state of a view into the address. */
export type SaveState = (state: URLSearchParams) => void;

/** A view that has been opened. */
export interface Mounted {
  /** Called with the state of an address that differs from the one that the view saved last. */
  restore?(state: URLSearchParams): void;
  /** Called when the view is shown again. */
  onShow?(): void;
  /** Called before another view is shown. */
  onHide?(): void;
}

interface Group {
  title: string;
  views: View[];
}

/** A view that has been opened, with its element and the address that restores its present state. */
interface Opened {
  view: View;
  root: HTMLElement;
  mounted: Mounted;
  hash: string;
  scroll: number;
}

/** Shows the view that the address names, and follows changes of the address. */
export function startRouter(groups: Group[]): void {
  const router = new Router(groups);
  addEventListener("hashchange", () => router.follow());
  router.follow();
}

class Router {
  private readonly main = byId("main");
  private readonly views: View[];
  private readonly links = new Map<View, HTMLAnchorElement>();
  private readonly opened = new Map<View, Opened>();
  private shown: Opened | null = null;

  constructor(groups: Group[]) {
    this.views = groups.flatMap((group) => group.views);
    byId("nav").append(...groups.map((group) => this.navigation(group)));
  }

  /** Shows the view that the address names. */
  follow(): void {
    const { hash } = location;
    // The link that skips to the content is not a view.
    if (hash === "#main") return;
    const [path = "", query] = hash.replace(/^#\/?/, "").split("?");
    const view = this.views.find((one) => one.name === path) ?? this.views[0];
    if (!view) return;
    const known = this.opened.get(view);
    const address = path === view.name ? hash : `#/${view.name}`;
    const opened = known ?? this.open(view, new URLSearchParams(query ?? ""), address);
    if (opened !== this.shown) this.swap(opened, known !== undefined);
    if (known && query !== undefined && hash !== known.hash) {
      known.hash = hash;
      known.mounted.restore?.(new URLSearchParams(query));
    }
    if (query === undefined) history.replaceState(null, "", opened.hash);
  }

  private navigation(group: Group): HTMLElement {
    const links = group.views.map((view) => {
      const link = h("a", { href: `#/${view.name}`, "data-view": view.name }, view.title);
      this.links.set(view, link);
      return link;
    });
    const single = links.length === 1;
    return h(
      "div",
      { class: single ? "single" : "group" },
      single ? null : h("span", {}, group.title),
      ...links,
    );
  }

  private open(view: View, state: URLSearchParams, hash: string): Opened {
    const root = h("div", { class: "view" });
    const opened: Opened = { view, root, mounted: {}, hash, scroll: 0 };
    this.opened.set(view, opened);
    // In the page before it is built, because some views measure their elements.
    this.swap(opened, false);
    try {
      opened.mounted = view.mount(root, state, (saved) => this.save(opened, saved));
    } catch (error) {
      root.append(h("p", { class: "problem", role: "alert" }, messageOf(error)));
    }
    return opened;
  }

  /** Puts a view in the place of the one that is shown. */
  private swap(opened: Opened, again: boolean): void {
    if (this.shown) {
      this.shown.scroll = scrollY;
      this.shown.mounted.onHide?.();
    }
    this.shown = opened;
    this.main.replaceChildren(opened.root);
    this.main.className = `view-${opened.view.name}`;
    document.title = `${opened.view.title} · Tercet`;
    for (const [one, link] of this.links) {
      if (one === opened.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    scrollTo(0, opened.scroll);
    if (again) opened.mounted.onShow?.();
  }

  private save(opened: Opened, state: URLSearchParams): void {
    const query = state.toString();
    opened.hash = `#/${opened.view.name}${query ? `?${query}` : ""}`;
    if (this.shown === opened) history.replaceState(null, "", opened.hash);
  }
}

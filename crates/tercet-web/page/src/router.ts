// The state of a view is in the address, `#/train?model=linear&loss=svm`, so a link restores it.

import { byId, h, messageOf, toast } from "./dom";

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

/** The view that is shown. */
export interface Mounted {
  /** Called when the address was edited by hand or by going back. */
  restore?(state: URLSearchParams): void;
  /** Called before another view is shown. */
  unmount?(): void;
}

interface Group {
  title: string;
  views: View[];
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
  private shown: { view: View; mounted: Mounted } | null = null;
  /** The last hash that a view wrote: it must not restore the view that wrote it. */
  private ownHash = "";

  constructor(groups: Group[]) {
    this.views = groups.flatMap((group) => group.views);
    byId("nav").append(...groups.map((group) => this.navigation(group)));
  }

  /** Shows the view that the address names. */
  follow(): void {
    // The link that skips to the content is not a view.
    if (decodeURI(location.hash) === "#main") return;
    if (this.shown && location.hash === this.ownHash) return;
    const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    const view = this.views.find((one) => one.name === path) ?? this.views[0];
    if (!view) return;
    const state = new URLSearchParams(query);
    if (this.shown?.view === view && this.shown.mounted.restore) this.shown.mounted.restore(state);
    else this.open(view, state);
  }

  private navigation(group: Group): HTMLElement {
    const links = group.views.map((view) => {
      const link = h("a", { href: `#/${view.name}` }, view.title);
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

  private open(view: View, state: URLSearchParams): void {
    this.shown?.mounted.unmount?.();
    this.main.replaceChildren();
    this.main.className = `view-${view.name}`;
    document.title = `${view.title} · Tercet`;
    for (const [one, link] of this.links) {
      if (one === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    try {
      this.shown = { view, mounted: {} };
      const mounted = view.mount(this.main, state, (saved) => this.save(view, saved));
      this.shown = { view, mounted };
    } catch (error) {
      toast(messageOf(error));
    }
  }

  private save(view: View, state: URLSearchParams): void {
    if (this.shown?.view !== view) return;
    const query = state.toString();
    this.ownHash = `#/${view.name}${query ? `?${query}` : ""}`;
    history.replaceState(null, "", this.ownHash);
  }
}

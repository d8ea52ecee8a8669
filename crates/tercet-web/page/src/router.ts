// What is looked at stands in the address: `#/train?model=linear&loss=svm`. A link restores it.

import { byId, said, toast } from "./dom";

/** What a view is to the rest of the page. A view is a folder; nothing else knows what is in it. */
export interface View {
  /** The word in the address. */
  readonly name: string;
  /** What the navigation calls it. */
  readonly title: string;
  /** Builds the view from what the address says. */
  mount(root: HTMLElement, state: URLSearchParams, keep: (state: URLSearchParams) => void): Mounted;
}

/** A view that is shown. */
export interface Mounted {
  /** The address was changed by hand or by going back. */
  restore?(state: URLSearchParams): void;
  /** Another view comes. */
  unmount?(): void;
}

interface Group {
  title: string;
  views: View[];
}

/** Shows the view of the address, from now on. */
export function startRouter(groups: Group[]): void {
  const views = groups.flatMap((group) => group.views);
  const main = byId("main");
  const nav = byId("nav");
  let shown: { view: View; mounted: Mounted } | null = null;
  // What we wrote ourselves must not restore the view that wrote it.
  let own = "";

  const links = new Map<View, HTMLAnchorElement>();
  for (const group of groups) {
    const list = document.createElement("div");
    list.className = group.views.length > 1 ? "group" : "single";
    if (group.views.length > 1) {
      const title = document.createElement("span");
      title.textContent = group.title;
      list.append(title);
    }
    for (const view of group.views) {
      const link = document.createElement("a");
      link.href = `#/${view.name}`;
      link.textContent = view.title;
      links.set(view, link);
      list.append(link);
    }
    nav.append(list);
  }

  const go = () => {
    const hash = decodeURI(location.hash);
    // The link that skips to the content is no view.
    if (hash === "#main") return;
    if (shown && location.hash === own) return;
    const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    const view = views.find((one) => one.name === path) ?? views[0];
    if (!view) return;
    const state = new URLSearchParams(query);
    if (shown?.view === view && shown.mounted.restore) {
      shown.mounted.restore(state);
      return;
    }
    shown?.mounted.unmount?.();
    main.replaceChildren();
    main.className = `view-${view.name}`;
    document.title = `${view.title} · Tercet`;
    for (const [one, link] of links) {
      if (one === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const keep = (kept: URLSearchParams) => {
      if (shown && shown.view !== view) return;
      const text = kept.toString();
      own = `#/${view.name}${text ? `?${text}` : ""}`;
      history.replaceState(null, "", own);
    };
    try {
      shown = { view, mounted: {} };
      shown = { view, mounted: view.mount(main, state, keep) };
    } catch (error) {
      toast(said(error));
    }
  };
  addEventListener("hashchange", go);
  go();
}

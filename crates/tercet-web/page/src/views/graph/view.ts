// Understand, the graph: forward and backward pass through an expression, step by step.

import { announce } from "../../announce";
import { button } from "../../components/field";
import { h, messageOf } from "../../dom";
import { engine } from "../../engine";
import type { Computed } from "../../protocol";
import type { Mounted, SaveState, View } from "../../router";
import { drawing } from "./drawing";
import { description, progressAfter } from "./progress";
import { SubjectForm } from "./subject";
import { NodeTable } from "./table";

export const graph: View = {
  name: "graph",
  title: "Graph",
  mount: (root, state, save) => new GraphView(root, state, save),
};

class GraphView implements Mounted {
  private computed: Computed | null = null;
  /** How many steps are shown. */
  private step = 0;
  /** Counts the requests, so that only the answer to the last one is shown. */
  private version = 0;
  private readonly save: SaveState;
  private readonly form = new SubjectForm(() => void this.compute(Number.POSITIVE_INFINITY));
  private readonly problem = h("p", { class: "problem", role: "alert" });
  private readonly picture = h("div", {
    class: "graph-picture scroll",
    tabIndex: 0,
    role: "region",
    "aria-label": "The graph",
  });
  private readonly words = h("p", { class: "step-words" });
  private readonly table = new NodeTable();
  private readonly slider = h("input", {
    type: "range",
    min: "0",
    value: "0",
    "aria-label": "Step",
    oninput: () => this.goTo(Number(this.slider.value)),
  });

  constructor(root: HTMLElement, state: URLSearchParams, save: SaveState) {
    this.save = save;
    root.append(
      h("h1", {}, "The graph"),
      h(
        "p",
        { class: "lede" },
        "Backpropagation applies the chain rule node by node: each node multiplies the upstream gradient " +
          "by its local derivatives and passes the products on to its operands.",
      ),
      ...this.form.elements,
      this.problem,
      this.stepper(),
      this.words,
      this.picture,
      this.table.element,
    );
    this.restore(state);
  }

  restore(state: URLSearchParams): void {
    this.form.restore(state);
    void this.compute(state.has("step") ? Number(state.get("step")) : Number.POSITIVE_INFINITY);
  }

  private stepper(): HTMLElement {
    return h(
      "div",
      { class: "stepper" },
      button("Start", () => this.goTo(0)),
      button("Previous", () => this.goTo(this.step - 1)),
      this.slider,
      button("Next", () => this.goTo(this.step + 1), "primary"),
      button("End", () => this.goTo(Number.POSITIVE_INFINITY)),
    );
  }

  /** Computes the graph and shows it after a number of steps. */
  private async compute(step: number): Promise<void> {
    const own = ++this.version;
    try {
      const computed = await engine.graph(this.form.subject());
      if (own !== this.version) return;
      this.computed = computed;
      this.problem.textContent = "";
      this.slider.max = String(computed.steps.length);
      this.goTo(step);
    } catch (error) {
      if (own === this.version) this.fail(error);
    }
  }

  /** Shows an error; nothing of the last answer stays next to it. */
  private fail(error: unknown): void {
    this.computed = null;
    this.problem.textContent = messageOf(error);
    this.words.replaceChildren();
    this.picture.hidden = this.table.element.hidden = true;
    this.save(this.form.toState());
  }

  private goTo(step: number): void {
    if (!this.computed) return;
    this.picture.hidden = this.table.element.hidden = false;
    this.step = Math.max(0, Math.min(this.computed.steps.length, step));
    this.slider.value = String(this.step);
    const progress = progressAfter(this.computed, this.step);
    const [heading, text] = description(this.computed, this.step);
    this.words.replaceChildren(h("b", {}, heading), text);
    announce(heading + text);
    this.picture.replaceChildren(drawing(this.computed, progress));
    this.table.show(this.computed, progress);
    this.saveState(progress.complete);
  }

  private saveState(complete: boolean): void {
    const state = this.form.toState();
    if (!complete) state.set("step", String(this.step));
    this.save(state);
  }
}

// Understand, convolution: a filter slides over a picture, and its sum is written out.

import { button, choice, numeric, tick } from "../../components/field";
import { largest, paintGrey, paintSigned, picture } from "../../components/image";
import { h, said } from "../../dom";
import { engine } from "../../engine";
import { fixed } from "../../format";
import { models } from "../../models";
import type { Filtered, Pixels } from "../../protocol";
import type { View } from "../../router";
import { EXAMPLES, paint, SIDE } from "../draw/strokes";
import { last } from "../draw/view";

const PRESETS: Record<string, number[]> = {
  "Left edges": [-1, 0, 1, -1, 0, 1, -1, 0, 1],
  "Upper edges": [-1, -1, -1, 0, 0, 0, 1, 1, 1],
  Outline: [-1, -1, -1, -1, 8, -1, -1, -1, -1],
  Blur: Array.from({ length: 9 }, () => 0.111),
  Sharpen: [0, -1, 0, -1, 5, -1, 0, -1, 0],
  Diagonal: [2, -1, -1, -1, 2, -1, -1, -1, 2],
  "Wide blur": Array.from({ length: 25 }, () => 0.04),
};

export const convolution: View = {
  name: "convolution",
  title: "Convolution",
  mount(root, state, keep) {
    let image: Pixels | null = null;
    let result: Filtered | null = null;
    let kernel: number[] = [];
    let spot: [number, number] = [11, 9];
    let version = 0;

    const changed = () => {
      const side = Number(size.get());
      if (kernel.length !== side * side) resize(side);
      padding.set(Math.min(padding.get(), side - 1));
      void filter();
    };
    const options = Object.fromEntries([
      ["drawn", "what was drawn"],
      ...EXAMPLES.map((_, i) => [String(i), `a drawn ${i}`]),
    ]) as Record<string, string>;
    const of = choice("Picture", options, last.prepared ? "drawn" : "5", () => void choose());
    const size = choice("Filter", { 3: "3 × 3", 5: "5 × 5", 7: "7 × 7" }, "3", changed);
    const stride = numeric("Stride", 1, { min: 1, max: 4 }, changed);
    const padding = numeric("Padding", 0, { min: 0, max: 3 }, changed);
    const bias = numeric("Bias", 0, { min: -20, max: 20, step: "any" }, changed);
    const relu = tick("ReLU behind it", true, changed);
    const pool = choice("Pooling", { 1: "none", 2: "2 × 2", 3: "3 × 3" }, "2", changed);
    const mean = choice("takes", { max: "the largest", mean: "the mean" }, "max", changed);
    const grid = h("div", { class: "kernel", role: "group", "aria-label": "The numbers of the filter" });
    const input = picture("The picture. Arrow keys move the filter.", "zoomed");
    const output = picture("What comes out", "zoomed");
    const pooled = picture("After pooling", "zoomed");
    input.tabIndex = 0;
    output.tabIndex = 0;
    const inputFrame = h("div", { class: "framed" }, input, h("div", { class: "window" }));
    const outputFrame = h("div", { class: "framed" }, output, h("div", { class: "window" }));
    const pooledFrame = h("div", { class: "framed" }, pooled, h("div", { class: "window" }));
    const field = h("div", { class: "window field-window" });
    inputFrame.append(field);
    const sum = h("div", { class: "written", role: "status" });
    const captions = [h("figcaption", {}), h("figcaption", {}), h("figcaption", {})] as const;
    const pooledFigure = h("figure", {}, pooledFrame, captions[2]);
    const error = h("p", { class: "problem", role: "alert" });

    const resize = (side: number) => {
      const old = Math.round(Math.sqrt(kernel.length));
      const shift = (side - old) / 2;
      const next = Array.from({ length: side * side }, (_, i) => {
        const [r, c] = [Math.floor(i / side) - shift, (i % side) - shift];
        return r >= 0 && c >= 0 && r < old && c < old ? (kernel[r * old + c] ?? 0) : 0;
      });
      give(next);
    };
    const give = (numbers: number[]) => {
      kernel = numbers;
      const side = Math.round(Math.sqrt(numbers.length));
      grid.style.gridTemplateColumns = `repeat(${side}, 1fr)`;
      grid.replaceChildren(
        ...numbers.map((value, i) => {
          const cell = h("input", {
            type: "number",
            step: "any",
            value: String(value),
            "aria-label": `row ${Math.floor(i / side) + 1}, column ${(i % side) + 1}`,
            onchange: () => {
              const given = Number(cell.value);
              kernel[i] = cell.value.trim() !== "" && Number.isFinite(given) ? given : 0;
              cell.value = String(kernel[i]);
              void filter();
            },
          });
          return cell;
        }),
      );
    };

    const toState = () => {
      const state = new URLSearchParams();
      if (of.get() !== "drawn") state.set("of", of.get());
      state.set("kernel", kernel.join(","));
      for (const [name, value, usual] of [
        ["stride", stride.get(), 1],
        ["padding", padding.get(), 0],
        ["bias", bias.get(), 0],
        ["pool", pool.get(), "2"],
        ["takes", mean.get(), "max"],
      ] as const)
        if (value !== usual) state.set(name, String(value));
      if (!relu.get()) state.set("relu", "no");
      state.set("at", spot.join(","));
      return state;
    };

    const choose = async () => {
      try {
        if (of.get() === "drawn" && last.prepared) image = last.prepared;
        else {
          const strokes = EXAMPLES[of.get() === "drawn" ? 5 : Number(of.get())] ?? [];
          const canvas = document.createElement("canvas");
          canvas.width = canvas.height = SIDE;
          const context = canvas.getContext("2d");
          if (!context) return;
          context.fillStyle = "#fff";
          context.fillRect(0, 0, SIDE, SIDE);
          paint(context, strokes, 1, "#000");
          const rgba = context.getImageData(0, 0, SIDE, SIDE).data;
          await models();
          const readings = await engine.read(
            SIDE,
            SIDE,
            1,
            Uint8Array.from({ length: SIDE * SIDE }, (_, i) => rgba[4 * i] ?? 0),
            -1,
          );
          image = readings.models[0]?.[1].prepared ?? null;
        }
        await filter();
      } catch (problem) {
        error.textContent = said(problem);
      }
    };
    const filter = async () => {
      if (!image) return;
      const own = ++version;
      try {
        const found = await engine.filter({
          ...image,
          side: Number(size.get()),
          kernel,
          bias: bias.get(),
          stride: stride.get(),
          padding: padding.get(),
          relu: relu.get(),
          pool: Number(pool.get()),
          mean: mean.get() === "mean",
        });
        if (own !== version) return;
        result = found;
        error.textContent = "";
        show();
      } catch (problem) {
        if (own === version) error.textContent = said(problem);
      }
    };

    const show = () => {
      if (!image || !result) return;
      const { map } = result;
      spot = [Math.min(map.width - 1, Math.max(0, spot[0])), Math.min(map.height - 1, Math.max(0, spot[1]))];
      paintGrey(input, image);
      const most = largest(map.values);
      paintSigned(output, map.values, map.width, map.height, most);
      if (result.pooled)
        paintSigned(pooled, result.pooled.values, result.pooled.width, result.pooled.height, most);
      pooledFigure.hidden = !result.pooled;
      captions[0].textContent = `picture, ${image.height} × ${image.width}`;
      captions[1].textContent = `${relu.get() ? "filter and ReLU" : "filter"}, ${map.height} × ${map.width}`;
      captions[2].textContent = result.pooled
        ? `pooled, ${result.pooled.height} × ${result.pooled.width}`
        : "";
      point();
    };
    const frame = (
      place: Element | null,
      x: number,
      y: number,
      w: number,
      hgt: number,
      width: number,
      height: number,
    ) => {
      if (!(place instanceof HTMLElement)) return;
      place.style.left = `${(100 * x) / width}%`;
      place.style.top = `${(100 * y) / height}%`;
      place.style.width = `${(100 * w) / width}%`;
      place.style.height = `${(100 * hgt) / height}%`;
    };
    const point = () => {
      if (!image || !result) return;
      const { map, input: x } = result;
      const [width, height] = [image.width, image.height];
      const side = Number(size.get());
      const [left, top] = [spot[0] * stride.get() - padding.get(), spot[1] * stride.get() - padding.get()];
      frame(inputFrame.querySelector(".window"), left, top, side, side, width, height);
      frame(outputFrame.querySelector(".window"), spot[0], spot[1], 1, 1, map.width, map.height);
      const window = Number(pool.get());
      field.hidden = !result.pooled;
      if (result.pooled) {
        const cell = [
          Math.min(result.pooled.width - 1, Math.floor(spot[0] / window)),
          Math.min(result.pooled.height - 1, Math.floor(spot[1] / window)),
        ] as const;
        frame(
          pooledFrame.querySelector(".window"),
          cell[0],
          cell[1],
          1,
          1,
          result.pooled.width,
          result.pooled.height,
        );
        const reach = (window - 1) * stride.get() + side;
        frame(
          field,
          cell[0] * window * stride.get() - padding.get(),
          cell[1] * window * stride.get() - padding.get(),
          reach,
          reach,
          width,
          height,
        );
      }
      const terms: string[] = [];
      const cells = Array.from({ length: side * side }, (_, i) => {
        const [r, c] = [top + Math.floor(i / side), left + (i % side)];
        const inside = r >= 0 && c >= 0 && r < height && c < width;
        const v = inside ? (x[r * width + c] ?? 0) : 0;
        if (v !== 0 && (kernel[i] ?? 0) !== 0) terms.push(`${fixed(v, 2)}·${signed(kernel[i] ?? 0)}`);
        return h(
          "span",
          { class: inside ? "" : "outside" },
          fixed(v, 2),
          h("small", {}, `× ${fixed(kernel[i] ?? 0, 2)}`),
        );
      });
      const patch = h("div", { class: "patch" }, ...cells);
      patch.style.gridTemplateColumns = `repeat(${side}, auto)`;
      const value = map.values[spot[1] * map.width + spot[0]] ?? 0;
      const shown = terms.length > 24 ? [...terms.slice(0, 24), "…"] : terms;
      if (!shown.length) shown.push("0");
      if (bias.get()) shown.push(signed(bias.get()));
      const total = shown.join(" + ");
      sum.replaceChildren(
        patch,
        h(
          "p",
          {},
          `row ${spot[1] + 1}, column ${spot[0] + 1}: ${relu.get() ? `max(0, ${total})` : total} = `,
          h("b", {}, fixed(value, 2)),
        ),
      );
      field.title = "what a pooled cell sees: its receptive field";
      keep(toState());
    };
    const follow = (
      canvas: HTMLCanvasElement,
      cells: () => [number, number],
      from: (x: number, y: number) => [number, number],
    ) => {
      const at = (event: PointerEvent) => {
        if (!result) return;
        const box = canvas.getBoundingClientRect();
        const [w, hgt] = cells();
        const [x, y] = from(
          Math.floor(((event.clientX - box.left) / box.width) * w),
          Math.floor(((event.clientY - box.top) / box.height) * hgt),
        );
        spot = [
          Math.min(result.map.width - 1, Math.max(0, x)),
          Math.min(result.map.height - 1, Math.max(0, y)),
        ];
        point();
      };
      canvas.addEventListener("pointermove", at);
      canvas.addEventListener("pointerdown", at);
      canvas.addEventListener("keydown", (event) => {
        const step: Record<string, [number, number]> = {
          ArrowLeft: [-1, 0],
          ArrowRight: [1, 0],
          ArrowUp: [0, -1],
          ArrowDown: [0, 1],
        };
        const move = step[event.key];
        if (!move || !result) return;
        event.preventDefault();
        spot = [
          Math.min(result.map.width - 1, Math.max(0, spot[0] + move[0])),
          Math.min(result.map.height - 1, Math.max(0, spot[1] + move[1])),
        ];
        point();
      });
    };
    follow(
      input,
      () => [image?.width ?? 1, image?.height ?? 1],
      (x, y) => {
        const half = Math.floor(Number(size.get()) / 2);
        return [
          Math.round((x - half + padding.get()) / stride.get()),
          Math.round((y - half + padding.get()) / stride.get()),
        ];
      },
    );
    follow(
      output,
      () => [result?.map.width ?? 1, result?.map.height ?? 1],
      (x, y) => [x, y],
    );

    root.append(
      h("h1", {}, "Convolution"),
      h(
        "p",
        { class: "lede" },
        "One small filter, the same everywhere: at each place its numbers are multiplied with the " +
          "pixels under it, and summed. Point at the picture, or move with the arrow keys.",
      ),
      h(
        "div",
        { class: "setup inline" },
        of.element,
        size.element,
        stride.element,
        padding.element,
        bias.element,
        pool.element,
        mean.element,
        relu.element,
      ),
      h(
        "div",
        { class: "presets", role: "group", "aria-label": "Filters to begin with" },
        ...Object.entries(PRESETS).map(([name, numbers]) =>
          button(
            name,
            () => {
              size.set(String(Math.sqrt(numbers.length)) as "3");
              give([...numbers]);
              changed();
            },
            "chip-button",
          ),
        ),
      ),
      error,
      h(
        "div",
        { class: "conv-stage" },
        h("figure", {}, inputFrame, captions[0]),
        h("figure", { class: "kernel-figure" }, grid, h("figcaption", {}, "filter: type your own")),
        h("figure", {}, outputFrame, captions[1]),
        pooledFigure,
      ),
      sum,
      h(
        "p",
        { class: "note" },
        "The thin frame in the picture is what the pooled cell sees: its receptive field. Layers behind " +
          "one another see more and more of the picture.",
      ),
    );
    const restore = (given: URLSearchParams) => {
      of.set(given.get("of") ?? (last.prepared ? "drawn" : "5"));
      const numbers = (given.get("kernel") ?? "").split(",").map(Number);
      const side = Math.sqrt(numbers.length);
      if ([3, 5, 7].includes(side) && numbers.every(Number.isFinite)) {
        size.set(String(side) as "3");
        give(numbers);
      } else {
        size.set("3");
        give([...(PRESETS["Left edges"] ?? [])]);
      }
      stride.set(Number(given.get("stride") ?? 1));
      padding.set(Number(given.get("padding") ?? 0));
      bias.set(Number(given.get("bias") ?? 0));
      pool.set((given.get("pool") ?? "2") as "2");
      mean.set(given.get("takes") === "mean" ? "mean" : "max");
      relu.set(given.get("relu") !== "no");
      const [x = 11, y = 9] = (given.get("at") ?? "11,9").split(",").map(Number);
      spot = [Number.isFinite(x) ? x : 11, Number.isFinite(y) ? y : 9];
      void choose();
    };
    const repaint = () => show();
    document.addEventListener("themechange", repaint);
    restore(state);
    return { restore, unmount: () => document.removeEventListener("themechange", repaint) };
  },
};

const signed = (value: number): string => (value < 0 ? `(${fixed(value, 2)})` : fixed(value, 2));

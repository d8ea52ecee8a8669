// Draw: a digit is drawn once, and every model says what it sees.

import { button } from "../../components/field";
import { paintGrey, paintPlain, row } from "../../components/image";
import { h, said, toast } from "../../dom";
import { engine } from "../../engine";
import { fixed } from "../../format";
import { addFile, models, type Place, rememberAll } from "../../models";
import type { Readings, Thresholds } from "../../protocol";
import type { View } from "../../router";
import { type Card, card } from "./cards";
import { pad as newPad } from "./pad";
import { decode, EXAMPLES, encode, SIDE, type Stroke } from "./strokes";

const STEPS: Record<string, string> = {
  recoloured: "in grey",
  inverted: "inverted",
  ink: "ink",
  cropped: "its box",
  scaled: "into 20 × 20",
  centred: "centred by mass",
  resized: "resized",
  deskewed: "set upright",
  evened: "evened",
  blurred: "blurred",
};

/** The drawing as it was when the view was left: other views may use it. */
export const last: { prepared: { width: number; height: number; pixels: string } | null } = {
  prepared: null,
};

export const draw: View = {
  name: "draw",
  title: "Draw",
  mount(root, state, keep) {
    let cards: Card[] = [];
    let thresholds: Thresholds | null = null;
    let chosen = -1;
    let gone = false;
    let photo: { width: number; height: number; pixels: Uint8Array } | null = null;

    const sentence = h("p", { class: "sentence", role: "status" });
    const chips = h("div", { class: "chips" });
    const verdict = h("section", { class: "verdict", "aria-label": "What the models read" }, chips, sentence);
    const stages = h("ol", { class: "stages" });
    const showStages = row(stages);
    const cardsPlace = h("section", { class: "cards", "aria-label": "Every model's reading" });

    const keepInk = () => {
      const kept = new URLSearchParams();
      if (pad.strokes().length) kept.set("ink", encode(pad.strokes()));
      if (chosen >= 0) kept.set("class", String(chosen));
      keep(kept);
    };
    const pad = newPad((done) => {
      photo = null;
      read();
      if (done) keepInk();
    });

    // One picture is read at a time; of those that come meanwhile, the last is read next.
    let busy = false;
    let again = false;
    const read = async () => {
      if (busy) {
        again = true;
        return;
      }
      busy = true;
      root.dataset.busy = "true";
      try {
        do {
          again = false;
          if (!photo && pad.strokes().length === 0) {
            show(null);
            continue;
          }
          const start = performance.now();
          const readings = photo
            ? await engine.read(photo.width, photo.height, 3, photo.pixels.slice(), chosen)
            : await engine.read(SIDE, SIDE, 1, pad.grey(), chosen);
          if (gone) return;
          root.dataset.computing = fixed(performance.now() - start, 1);
          show(readings);
          // From the stroke to what is shown of it.
          root.dataset.milliseconds = fixed(performance.now() - start, 1);
        } while (again);
      } catch (error) {
        sentence.textContent = said(error);
      } finally {
        busy = false;
        if (!gone) root.dataset.busy = "false";
      }
    };

    const show = (readings: Readings | null) => {
      const found = new Map(readings?.models ?? []);
      for (const one of cards) one.show(found.get(one.place.name) ?? null);
      const first = found.get("convolution") ?? [...found.values()][0];
      last.prepared = first?.prepared ?? last.prepared;
      showStages(
        (readings?.stages ?? []).map(({ step, picture }) => {
          const words = STEPS[step] ?? step;
          const paint = step === "recoloured" ? paintPlain : paintGrey;
          return { label: words, words: [h("span", {}, words)], paint: (image) => paint(image, picture) };
        }),
      );
      stages.classList.toggle("empty", !first);
      if (readings?.stages.length === 0) stages.append(h("li", {}, h("span", {}, "as it should be already")));

      const answers = cards.map(({ place }) => ({ place, class: found.get(place.name)?.class }));
      const counts = new Map<number, number>();
      for (const { class: found } of answers)
        if (found !== undefined) counts.set(found, (counts.get(found) ?? 0) + 1);
      const [most = -1] = [...counts.entries()].sort((a, b) => b[1] - a[1]).map(([index]) => index);
      const isDigit = readings?.verdict?.is_digit ?? true;
      verdict.classList.toggle("empty", !readings);
      verdict.classList.toggle("no-digit", !isDigit);
      verdict.classList.toggle("torn", counts.size > 1);
      chips.replaceChildren(
        ...answers.map(({ place, class: found }) => {
          const alone = found !== undefined && found !== most;
          const chip = h(
            "div",
            {
              class: `chip${alone ? " alone" : ""}`,
              "data-place": place.name,
              "data-class": found === undefined ? "" : String(found),
            },
            h("b", {}, found === undefined ? "·" : (place.about.classes[found] ?? "")),
            h("span", {}, place.title),
          );
          chip.style.setProperty("--own", `var(${place.color})`);
          return chip;
        }),
      );
      verdict.dataset.digit = readings ? String(isDigit) : "";
      sentence.replaceChildren(...words(readings, answers, counts, most));
    };

    const words = (
      readings: Readings | null,
      answers: { place: Place; class: number | undefined }[],
      counts: Map<number, number>,
      most: number,
    ): (Node | string)[] => {
      if (!readings) return ["Draw a digit, and every model says what it sees while you draw."];
      const verdict = readings.verdict;
      if (verdict && !verdict.is_digit && thresholds) {
        const { most } = thresholds;
        const { seen, pixels } = verdict.distances;
        const why =
          seen > most.seen
            ? `to the convolutional network it looks unlike every image that is remembered ` +
              `(${fixed(seen, 2)} from the nearest; unseen digits are within ${fixed(most.seen, 2)})`
            : `every image that is remembered is far from it (${fixed(pixels, 0)} to the nearest; ` +
              `unseen digits are within ${fixed(most.pixels, 0)})`;
        return [h("strong", {}, "Not a digit"), `, it seems: ${why}. Each model must name one all the same.`];
      }
      const name = (index: number) => answers[0]?.place.about.classes[index] ?? String(index);
      if (counts.size === 1)
        return [
          `All ${["", "", "two", "three", "four", "five", "six"][answers.length] ?? answers.length} read `,
          h("strong", {}, name(most)),
          ".",
        ];
      const others = answers.filter((answer) => answer.class !== undefined && answer.class !== most);
      return [
        h("strong", {}, "They disagree: "),
        `most read ${name(most)}; `,
        others.map((answer) => `${answer.place.title.toLowerCase()} ${name(answer.class ?? 0)}`).join(", "),
        ".",
      ];
    };

    const pick = (index: number) => {
      chosen = index;
      keepInk();
      void read();
    };

    const build = (list: Place[]) => {
      cards = list.map((place) => card(place, pick));
      cardsPlace.replaceChildren(...cards.map((one) => one.element));
      void read();
    };

    // Pictures from elsewhere.
    const take = async (blob: Blob) => {
      try {
        const image = await createImageBitmap(blob, { imageOrientation: "from-image" });
        const scale = Math.min(1, 1024 / Math.max(image.width, image.height));
        const [width, height] = [
          Math.max(1, Math.round(image.width * scale)),
          Math.max(1, Math.round(image.height * scale)),
        ];
        const canvas = document.createElement("canvas");
        canvas.width = width;
        canvas.height = height;
        const context = canvas.getContext("2d");
        if (!context) throw new Error("this browser has no canvas");
        context.imageSmoothingQuality = "high";
        context.fillStyle = "#fff";
        context.fillRect(0, 0, width, height);
        context.drawImage(image, 0, 0, width, height);
        const rgba = context.getImageData(0, 0, width, height).data;
        const pixels = new Uint8Array(3 * width * height);
        for (let i = 0; i < width * height; i++) pixels.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
        photo = { width, height, pixels };
        pad.picture(image);
        keep(new URLSearchParams());
        void read();
      } catch {
        toast("That is no picture that this browser can read: take a PNG or a JPEG.");
      }
    };
    const filePicker = h("input", {
      type: "file",
      accept: "image/*",
      hidden: true,
      onchange: () => {
        const [file] = filePicker.files ?? [];
        if (file) void take(file);
        filePicker.value = "";
      },
    });
    const modelPicker = h("input", {
      type: "file",
      accept: ".safetensors",
      hidden: true,
      onchange: () => {
        const [file] = modelPicker.files ?? [];
        modelPicker.value = "";
        if (file)
          addFile(file)
            .then(async () => build(await models()))
            .catch((error: unknown) => toast(said(error)));
      },
    });
    const pasted = (event: ClipboardEvent) => {
      const item = [...(event.clipboardData?.items ?? [])].find((one) => one.type.startsWith("image/"));
      const file = item?.getAsFile();
      if (file) void take(file);
    };
    document.addEventListener("paste", pasted);
    pad.element.addEventListener("dragover", (event) => {
      event.preventDefault();
      pad.element.classList.add("over");
    });
    pad.element.addEventListener("dragleave", () => pad.element.classList.remove("over"));
    pad.element.addEventListener("drop", (event) => {
      event.preventDefault();
      pad.element.classList.remove("over");
      const [file] = event.dataTransfer?.files ?? [];
      if (!file) return;
      if (file.name.endsWith(".safetensors"))
        addFile(file)
          .then(async () => build(await models()))
          .catch((error: unknown) => toast(said(error)));
      else void take(file);
    });

    const set = (strokes: Stroke[]) => {
      photo = null;
      pad.set(strokes);
      keepInk();
      void read();
    };
    let next = 0;
    const width = h("input", {
      type: "range",
      min: "6",
      max: "48",
      value: "20",
      "aria-label": "Width of the pen",
      oninput: () => pad.pen(Number(width.value)),
    });
    const save = async () => {
      const file = await pad.file();
      if (!file) return;
      const link = h("a", { href: URL.createObjectURL(file), download: "digit.png" });
      link.click();
      URL.revokeObjectURL(link.href);
    };
    const all = button("Remember all 60,000", () => {
      all.disabled = true;
      rememberAll(
        (share) =>
          (all.textContent = share < 1 ? `Loading MNIST … ${Math.round(100 * share)} %` : "Remembering …"),
      )
        .then(async () => {
          all.textContent = "All 60,000 remembered";
          if (!gone) build(await models());
        })
        .catch((error: unknown) => {
          all.disabled = false;
          all.textContent = "Remember all 60,000";
          toast(said(error));
        });
    });
    all.title = "Loads MNIST and adds nearest neighbours among all of its training images";

    root.append(
      h("h1", { class: "hidden" }, "Draw a digit"),
      h(
        "div",
        { class: "draw" },
        h(
          "div",
          { class: "pad-column" },
          pad.element,
          h(
            "div",
            { class: "tools" },
            button("Clear", () => set([]), "primary"),
            button("Undo", () => pad.undo()),
            button("Example", () => set(structuredClone(EXAMPLES[next++ % EXAMPLES.length] ?? []))),
            button("Picture…", () => filePicker.click()),
            button("Save", () => void save()),
            h("label", { class: "pen" }, h("span", {}, "Pen"), width),
          ),
          h("h2", { class: "small" }, "What the models see"),
          stages,
          h(
            "p",
            { class: "note" },
            "MNIST’s digits are light on dark, fit a box of 20 × 20 and have their centre of mass in " +
              "the middle. Whatever is drawn is prepared like that first; a model that skips this is lost.",
          ),
          filePicker,
          modelPicker,
        ),
        h(
          "div",
          { class: "readings" },
          verdict,
          cardsPlace,
          h(
            "div",
            { class: "tools more" },
            all,
            button("Load a model…", () => modelPicker.click()),
            h(
              "span",
              { class: "note" },
              "a model file that ",
              h("code", {}, "tercet train"),
              " wrote; or drop a picture or a model on the pad, or paste a picture",
            ),
          ),
        ),
      ),
    );

    const restore = (state: URLSearchParams) => {
      pad.set(decode(state.get("ink") ?? ""));
      photo = null;
      chosen = state.has("class") ? Number(state.get("class")) : -1;
      void read();
    };
    const repaint = () => void read();
    document.addEventListener("themechange", repaint);
    show(null);
    restore(state);
    Promise.all([models(), engine.thresholds()])
      .then(([list, found]) => {
        thresholds = found;
        root.dataset.ready = "true";
        if (list.some((place) => place.name === "all")) all.disabled = true;
        if (!gone) build(list);
      })
      .catch((error: unknown) => toast(`The models could not be loaded: ${said(error)}`));
    return {
      restore,
      unmount() {
        gone = true;
        delete root.dataset.ready;
        delete root.dataset.busy;
        pad.destroy();
        document.removeEventListener("paste", pasted);
        document.removeEventListener("themechange", repaint);
      },
    };
  },
};

// Train: a model learns MNIST in the page, and one sees how.

import { curves } from "../../components/curves";
import { button } from "../../components/field";
import { histogram } from "../../components/histogram";
import { largest, paintSigned, picture } from "../../components/image";
import { h, said, toast } from "../../dom";
import { engine } from "../../engine";
import { count, fixed, percent, short } from "../../format";
import { addFile, addTrained, hasData, loadData } from "../../models";
import type { Measured, Report } from "../../protocol";
import type { View } from "../../router";
import { accuracyCurves, colorOf, lossCurves, type Run, table } from "./runs";
import { form as newForm, PRESETS } from "./setup";

/** About how long the worker computes at a time, in milliseconds: then it listens again. */
const SLICE = 60;

/** How often pictures inside the model are drawn anew, in milliseconds. */
const LOOK = 250;

/** How often a step is measured, for the curve of the training images. */
const MEASURE = 100;

/** Runs outlive the view, so that one may look elsewhere in between. */
const runs: Run[] = [];

export const train: View = {
  name: "train",
  title: "Train",
  mount(root, state, keep) {
    let run: Run | null = null;
    let running = false;
    let done = false;
    let gone = false;
    let looked = 0;
    let measured = 0;
    let perSlice = 10;

    // The form says that it changed while it is being made, too.
    let made = false;
    const form = newForm(() => {
      if (made) keep(form.state());
    });
    made = true;
    const status = h("p", { class: "status", role: "status" });
    const bar = h("progress", { max: 1, value: 0, "aria-label": "Progress of the training" });
    const loss = curves("Loss");
    const accuracy = curves("Accuracy", true);
    const templates = h("div", { class: "templates" });
    const templatesTitle = h("h2", {}, "Templates");
    const histograms = h("div", { class: "histograms" });
    const layers = h("div", { class: "layers" });
    const tablePlace = h("div", {});
    const rate = h("output", { class: "rate" });

    const draw = () => {
      loss.show(lossCurves(runs));
      accuracy.show(accuracyCurves(runs));
      tablePlace.replaceChildren(
        runs.length
          ? table(runs, draw)
          : h("p", { class: "note" }, "Every run of this visit is kept here, to be compared."),
      );
    };

    const look = async (measured: Measured | null) => {
      const [weights, spread] = [await engine.templates(40), await engine.histograms()];
      if (gone) return;
      templatesTitle.textContent =
        weights.images.length === 0
          ? "The first layer cannot be pictured"
          : form.setup().layers === ""
            ? "Templates, class by class"
            : "What the units of the first layer look for";
      templates.classList.toggle("filters", weights.width < 15);
      while (templates.children.length > weights.images.length) templates.lastChild?.remove();
      weights.images.forEach((image, i) => {
        const canvas =
          (templates.children[i] as HTMLCanvasElement | undefined) ??
          templates.appendChild(picture(`weights of unit ${i}`));
        paintSigned(canvas, image, weights.width, weights.height, largest(image));
      });
      histograms.replaceChildren(
        ...spread.map((of) => h("figure", {}, h("figcaption", {}, of.name), histogram(of))),
      );
      if (measured) {
        layers.replaceChildren(
          ...measured.layers.map(([inputs, outputs, ratio, dead], i) =>
            h(
              "p",
              {},
              h("b", {}, `Layer ${i + 1}`),
              ` ${count(inputs)} → ${count(outputs)}: last step moved the weights by `,
              h("b", {}, short(ratio)),
              " of their length",
              dead === null ? "" : "; ",
              dead === null
                ? null
                : h(
                    "b",
                    { class: dead > 0.1 ? "bad" : "" },
                    `${Math.round(dead * outputs)} of ${outputs} units dead`,
                  ),
            ),
          ),
        );
      }
    };

    const take = async (report: Report, milliseconds: number) => {
      if (!run) return;
      run.steps = report.step;
      run.milliseconds += milliseconds;
      run.losses.push(...report.losses);
      run.checks.push(...report.checks);
      if (report.measured) run.accuracies.push([report.measured.step, report.measured.accuracy]);
      done = report.done;
      bar.max = report.total;
      bar.value = report.step;
      rate.textContent = short(report.learning_rate);
      const check = run.checks.at(-1);
      status.textContent =
        `${done ? "Done: batch" : running ? "Training: batch" : "Paused at batch"} ` +
        `${count(report.step)} of ${count(report.total)}, ${fixed(run.milliseconds / 1000, 2)} s of ` +
        `computing${check ? `; ${percent(check.validation_accuracy)} of unseen images right` : ""}.`;
      if ((report.measured && performance.now() - looked > LOOK) || done || !running) {
        draw();
        await look(report.measured);
        looked = performance.now();
      }
    };

    const begin = async (): Promise<boolean> => {
      if (run && !done) return true;
      if (!hasData()) {
        status.textContent = "Loading MNIST …";
        await loadData(
          (share) =>
            (status.textContent =
              share < 1 ? `Loading MNIST … ${Math.round(100 * share)} %` : "Checking MNIST …"),
        );
      }
      const words = await engine.beginTraining(form.setup());
      const number = (runs.at(-1)?.number ?? 0) + 1;
      for (const other of runs.slice(0, -2)) other.shown = false;
      run = {
        number,
        title: form.title(),
        link: `#/train?${form.state().toString()}`,
        color: colorOf(number),
        shown: true,
        steps: 0,
        milliseconds: 0,
        losses: [],
        checks: [],
        accuracies: [],
      };
      runs.push(run);
      done = false;
      perSlice = 10;
      model.textContent = words;
      return !gone;
    };

    const guard = async (work: () => Promise<void>) => {
      try {
        await work();
      } catch (error) {
        if (gone) return;
        running = false;
        done = true;
        status.textContent = `Stopped: ${said(error)}`;
        draw();
      }
      if (!gone) refresh();
    };
    const go = () =>
      guard(async () => {
        running = true;
        refresh();
        if (!(await begin())) return;
        while (running && !done && !gone) {
          const start = performance.now();
          // Not every slice is measured: that costs more than a small step.
          const measure = start - measured > MEASURE || run?.steps === 0;
          if (measure) measured = start;
          const report = await engine.train(perSlice, measure);
          const time = performance.now() - start;
          perSlice = Math.max(
            1,
            Math.min(5000, Math.round(perSlice * Math.min(4, Math.max(0.3, SLICE / time)))),
          );
          await take(report, time);
        }
        running = false;
        if (run && !done) status.textContent = `Paused at batch ${count(run.steps)}.`;
      });
    const one = () =>
      guard(async () => {
        running = false;
        if (!(await begin())) return;
        const start = performance.now();
        const report = await engine.train(1, true);
        await take(report, performance.now() - start);
      });
    const scale = (factor: number) =>
      guard(async () => {
        if (!run || done) return;
        await engine.scaleLearningRate(factor);
        rate.textContent = `${rate.textContent ?? ""} × ${factor}`;
      });

    const start = button(
      "Train",
      () => {
        if (running) running = false;
        else void go();
      },
      "primary",
    );
    const step = button("One batch", () => void one());
    const anew = button("Begin anew", () => {
      running = false;
      run = null;
      done = false;
      status.textContent = "Set up, then train.";
      bar.value = 0;
      refresh();
    });
    const half = button("÷ 2", () => void scale(0.5));
    const twice = button("× 2", () => void scale(2));
    half.setAttribute("aria-label", "Halve the learning rate from here on");
    twice.setAttribute("aria-label", "Double the learning rate from here on");
    const download = button(
      "Download the model",
      () =>
        void guard(async () => {
          const bytes = await engine.trainedFile();
          const link = h("a", {
            href: URL.createObjectURL(new Blob([bytes])),
            download: "trained.safetensors",
          });
          link.click();
          URL.revokeObjectURL(link.href);
        }),
    );
    const use = button(
      "Draw with it",
      () =>
        void guard(async () => {
          await addTrained();
          location.hash = "#/draw";
        }),
    );
    const picker = h("input", {
      type: "file",
      accept: ".safetensors",
      hidden: true,
      onchange: () => {
        const [file] = picker.files ?? [];
        picker.value = "";
        if (file)
          addFile(file)
            .then(() => (location.hash = "#/draw"))
            .catch((error: unknown) => toast(said(error)));
      },
    });
    const load = button("Load a model…", () => picker.click());
    const model = h("p", { class: "model-words" });

    const refresh = () => {
      start.textContent = running ? "Pause" : run && !done ? "Go on" : "Train";
      step.disabled = running;
      anew.disabled = running || !run;
      half.disabled = twice.disabled = !run || done;
      download.disabled = use.disabled = !run;
      form.enable(!running && (!run || done));
      root.dataset.running = String(running);
      root.dataset.done = String(done);
    };

    root.append(
      h(
        "div",
        { class: "train" },
        h(
          "div",
          { class: "side" },
          h("h1", {}, "Train"),
          h(
            "p",
            { class: "lede" },
            "A model learns MNIST here, in your browser, by the lecture’s loop: sample a batch, compute " +
              "the loss and its gradients, take a step.",
          ),
          h(
            "div",
            { class: "presets", role: "group", "aria-label": "Set-ups to begin with" },
            ...Object.entries(PRESETS).map(([name, values]) =>
              button(
                name,
                () => {
                  if (running) return;
                  run = null;
                  done = false;
                  form.preset(values);
                  keep(form.state());
                  status.textContent = `${name}: press Train.`;
                  refresh();
                },
                "chip-button",
              ),
            ),
          ),
          form.element,
        ),
        h(
          "div",
          { class: "stage" },
          h(
            "div",
            { class: "controls" },
            start,
            step,
            anew,
            h("span", { class: "rate-control" }, h("span", {}, "learning rate "), rate, half, twice),
          ),
          bar,
          status,
          model,
          h("div", { class: "charts" }, loss.element, accuracy.element),
          h("section", {}, templatesTitle, templates),
          h(
            "section",
            {},
            h("h2", {}, "Inside: activations and gradients of 100 images"),
            histograms,
            layers,
          ),
          h("section", {}, h("h2", {}, "Runs"), tablePlace),
          h("div", { class: "tools" }, download, use, load, picker),
          h(
            "p",
            { class: "note" },
            "The model file is the program’s: ",
            h("code", {}, "tercet evaluate trained.safetensors"),
            " judges it on the test set, which this page never opens. 5,000 of the 60,000 training " +
              "images are held out; what counts as unseen here are the first of these.",
          ),
        ),
      ),
    );
    form.restore(state);
    status.textContent = "Set up, then train.";
    rate.textContent = "";
    draw();
    refresh();
    return {
      restore(given) {
        if (running) return;
        run = null;
        done = false;
        form.restore(given);
        refresh();
      },
      unmount() {
        gone = true;
        running = false;
        loss.destroy();
        accuracy.destroy();
        delete root.dataset.running;
        delete root.dataset.done;
      },
    };
  },
};

// Presets of the plane: each teaches one lesson.

/** A lesson: the state of the form, and what to watch. */
export interface Preset {
  title: string;
  state: Record<string, string>;
  lesson: string;
}

export const PRESETS: Preset[] = [
  {
    title: "A line is not enough",
    state: { points: "xor", model: "linear" },
    lesson: "No line separates the four squares of XOR: about a quarter of the points or more stay wrong.",
  },
  {
    title: "XOR without an activation",
    state: { points: "xor", hidden: "16", act: "none" },
    lesson:
      "Two layers of weights without an activation are equivalent to one, W₂(W₁x) = (W₂W₁)x: sixteen " +
      "units, and still a line.",
  },
  {
    title: "XOR with ReLU",
    state: { points: "xor" },
    lesson:
      "The same network with an activation: each hidden unit folds the plane along a line, and XOR is easy.",
  },
  {
    title: "Spiral, too few units",
    state: { points: "spiral", hidden: "4" },
    lesson: "Four folds cannot follow a spiral. Watch the loss stop falling, then try the next preset.",
  },
  {
    title: "Spiral, more units",
    state: { points: "spiral", hidden: "32 32", lr: "0.05" },
    lesson: "Two layers of 32 units have enough folds to follow the spiral.",
  },
  {
    title: "Learning rate too high",
    state: { points: "moons", lr: "8" },
    lesson: "Every step overshoots the minimum: the loss jumps up and down. Divide the learning rate by 100.",
  },
  {
    title: "One neighbour, much noise",
    state: { points: "moons", noise: "0.4", model: "neighbors", k: "1" },
    lesson:
      "With k = 1, every point is classified correctly, and each outlier has its own island: this is " +
      "overfitting. Set k to 15 for a smoother boundary.",
  },
];

// The state after some of the steps: values from the forward pass, gradients from the backward pass.

import type { Computed, GraphStep } from "../../protocol";

/** The graph after a number of steps. */
export interface Progress {
  /** The last step, or null before the first. */
  step: GraphStep | null;
  /** Whether all steps are done. */
  complete: boolean;
  /** The nodes whose values are known. */
  known: Set<number>;
  /** The gradients so far, by node. */
  gradients: Map<number, string>;
  /** The local derivatives so far, by `operand-node`. */
  derivatives: Map<string, string>;
}

/** The graph after its first `count` steps. */
export function progressAfter({ nodes, steps }: Computed, count: number): Progress {
  const known = new Set(nodes.flatMap((node, i) => (node.operands.length === 0 ? [i] : [])));
  const gradients = new Map<number, string>();
  const derivatives = new Map<string, string>();
  for (const step of steps.slice(0, count)) {
    if (!step.backward) {
      known.add(step.node);
      continue;
    }
    if (step.gradient !== null) {
      const before = step.by === null ? undefined : gradients.get(step.node);
      gradients.set(step.node, before === undefined ? step.gradient : `${before} + ${step.gradient}`);
    }
    if (step.by !== null && step.derivative !== null)
      derivatives.set(`${step.node}-${step.by}`, step.derivative);
  }
  const complete = count === steps.length;
  // At the end, the sums of the contributions.
  if (complete) nodes.forEach(({ gradient }, i) => gradient !== null && gradients.set(i, gradient));
  return { step: steps[count - 1] ?? null, complete, known, gradients, derivatives };
}

/** A description of the last step: `Backward, 1 of 4: …`. */
export function description({ steps }: Computed, count: number): [heading: string, text: string] {
  const step = steps[count - 1];
  if (!step) return ["Start: ", "the variables have values; nothing has been computed yet."];
  const forward = steps.filter((one) => !one.backward).length;
  if (!step.backward) return [`Forward, ${count} of ${forward}: `, step.words];
  return [`Backward, ${count - forward} of ${steps.length - forward}: `, step.words];
}

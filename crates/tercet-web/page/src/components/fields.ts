// Named fields whose values go into the address.

import type { Field } from "./field";

/** Fields by their names in the address. Values that equal the defaults are omitted there. */
export class Fields<Name extends string> {
  private readonly fields: [Name, Field<unknown>][];
  private readonly defaults: Map<Name, string>;

  /** The current values of the fields become the defaults. */
  constructor(fields: Record<Name, unknown>) {
    this.fields = Object.entries(fields) as [Name, Field<unknown>][];
    this.defaults = new Map(this.fields.map(([name, field]) => [name, String(field.get())]));
  }

  toState(): URLSearchParams {
    const state = new URLSearchParams();
    for (const [name, field] of this.fields) {
      const value = String(field.get());
      if (value !== this.defaults.get(name)) state.set(name, value);
    }
    return state;
  }

  restore(state: URLSearchParams): void {
    for (const [name, field] of this.fields) {
      const value = state.get(name) ?? this.defaults.get(name) ?? "";
      field.set(typeof field.get() === "number" ? Number(value) : value);
    }
  }

  enable(on: boolean): void {
    for (const [, field] of this.fields) field.enable(on);
  }
}

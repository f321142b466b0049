// The package's front door: everything of the wasm module, and `init` to load it.
import load from "./wgrad.js";

export * from "./wgrad.js";

/** The load under way or done; the module is loaded once, however many ask. */
let loading;

/** Loads the wasm, from beside this module where no other place is given. */
export function init(input) {
  loading ??= load(input === undefined ? undefined : { module_or_path: input }).then(
    () => undefined,
    (error) => {
      // The network may be back at the next try.
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

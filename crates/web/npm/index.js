// The package's front door: everything of the two wasm programs, and `init` to load them.
import { reader } from "./reader.js";
import load, { use_reader } from "./wgrad.js";

export * from "./wgrad.js";

/** The loads under way or done; each program is loaded once, however many ask. */
const loading = {};

/** Where the program of verify and bench lies, if not beside this module. */
let elsewhere;

function once(name, start) {
  loading[name] ??= start().catch((error) => {
    // The network may be back at the next try.
    delete loading[name];
    throw error;
  });
  return loading[name];
}

const place = (input) => (input === undefined ? undefined : { module_or_path: input });

/** Loads the wasm, from beside this module where no other place is given. */
export function init(input, checks) {
  elsewhere ??= checks;
  return once("training", () => load(place(input)).then(() => use_reader(reader)));
}

/** Most visitors never verify or measure: the program for it comes when they do. */
function checks() {
  return once("checks", async () => {
    const program = await import("./wgrad_checks.js");
    await program.default(place(elsewhere));
    return program;
  });
}

export async function verify(options) {
  return (await checks()).verify(options);
}

export async function bench(options) {
  return (await checks()).bench(options);
}

export async function workloads() {
  return (await checks()).workloads();
}

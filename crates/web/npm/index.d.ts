export * from "./wgrad.js";

type Input = string | URL | Request | Response | BufferSource | WebAssembly.Module | Promise<Response>;

/**
 * Loads the wasm. To be awaited before anything else of this package is called; further calls wait for the same load.
 *
 * @param input Where the wasm is: its address, a response that carries it, its bytes or the compiled module. Where absent,
 * `wgrad_bg.wasm` beside this module.
 * @param checks The same for `wgrad_checks_bg.wasm`, which is loaded when `verify`, `bench` or `workloads` is first called.
 */
export function init(input?: Input, checks?: Input): Promise<void>;

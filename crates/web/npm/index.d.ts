export * from "./wgrad.js";

/**
 * Loads the wasm. To be awaited before anything else of this package is called; further calls wait for the same load.
 *
 * @param input Where the wasm is: its address, a response that carries it, its bytes or the compiled module. Where absent,
 * `wgrad_bg.wasm` beside this module.
 */
export function init(
  input?: string | URL | Request | Response | BufferSource | WebAssembly.Module | Promise<Response>,
): Promise<void>;

import { token } from './token.js';

export type BackendStatus =
  | {
      readonly available: true;
      readonly detail: string;
      /** A GPU backend that found the processor in the GPU's place: `auto` passes it by. */
      readonly emulated?: boolean;
    }
  | { readonly available: false; readonly reason: string; readonly remedy: string };

/** A tfjs backend with all kernels that training needs. */
export interface Backend {
  /** The name under which tfjs knows it once `activate` has run. */
  readonly tfjsName: string;

  /** Looks whether it can run here, without starting it. */
  probe(): Promise<BackendStatus>;

  /** Registers, fills in missing kernels and makes it tfjs's current backend. Errors: RNNX_BACKEND_UNAVAILABLE. */
  activate(): Promise<void>;
}

export const Backend = token<Backend>('Backend');

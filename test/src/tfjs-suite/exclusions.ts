/** Specs of tfjs-core that are not run, and why. */
export const exclusions: readonly { readonly pattern: RegExp; readonly reason: string }[] = [];

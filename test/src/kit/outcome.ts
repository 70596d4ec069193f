/** The invariant says nothing here: no options make the plugin the identity, for instance. Mocha shows the test as pending. */
export class NotApplicable extends Error {}

/** Ends a check. */
export function fail(what: string): never {
  throw new Error(what);
}

declare const tokenType: unique symbol;

/**
 * A dependency-injection token that remembers what it stands for. An interface, its token and its type share one name:
 * `container.resolve(Cell)` gives a `Cell`.
 */
export type Token<T> = symbol & { readonly [tokenType]?: T };

export function token<T>(name: string): Token<T> {
  return Symbol.for(`rnnx.${name}`) as Token<T>;
}

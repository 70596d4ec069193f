import { type Rng, RnnxError } from '@rnnx/core';

/** One way out of a state: a symbol, its probability, and the state that follows. */
export interface Edge {
  readonly symbol: string;
  readonly probability: number;
  readonly next: string;
}

/**
 * A source of symbols with hidden states, in which the symbols seen so far tell the state: from one state no two edges
 * bear the same symbol (unifilar). The state is then a function of the past, and the entropy rate has a closed form,
 *
 *   H = sum_s pi(s) h(s),   h(s) = -sum_x p(x | s) log p(x | s)
 *
 * with pi the stationary distribution (Cover and Thomas, "Elements of Information Theory", section 4.2, for a Markov
 * chain; unifilarity carries it over to the symbols). All entropies are in nats.
 *
 * Every run returns to the start state; pi is the expected visits between two returns over the expected length.
 */
export class UnifilarSource {
  /** In the order of first mention, from the start state by breadth. */
  readonly symbols: readonly string[];
  readonly states: readonly string[];
  /** Stationary distribution over `states`. */
  readonly stationary: Float64Array;
  /** Nats per symbol of the best possible model; `exp` of it is the best possible perplexity. */
  readonly entropyRate: number;
  /** Expected number of symbols from the start state to its next visit. */
  readonly meanCycle: number;

  /** Ways out of each state; `token` and `next` are places in `symbols` and `states`. */
  readonly edges: readonly (readonly CompiledEdge[])[];

  /**
   * @param start where every stream begins
   * @param edgesOf the edges out of a state, each probability above 0, their sum 1
   *
   * Errors: RNNX_SHAPE_MISMATCH for a distribution that does not sum to 1, or a symbol on two edges of one state.
   */
  constructor(start: string, edgesOf: (state: string) => readonly Edge[]) {
    const states = new Map<string, number>([[start, 0]]);
    const symbols = new Map<string, number>();
    const order = [start];
    const compiled: CompiledEdge[][] = [];
    for (let i = 0; i < order.length; i++) {
      const edges = edgesOf(order[i]!);
      checkEdges(order[i]!, edges);
      compiled.push(
        edges.map(({ symbol, probability, next }) => {
          if (!symbols.has(symbol)) symbols.set(symbol, symbols.size);
          if (!states.has(next)) {
            states.set(next, order.length);
            order.push(next);
          }
          return { token: symbols.get(symbol)!, probability, next: states.get(next)! };
        }),
      );
    }
    this.states = order;
    this.symbols = [...symbols.keys()];
    this.edges = compiled;

    const visits = this.#expectedVisits();
    this.meanCycle = visits.reduce((sum, visit) => sum + visit, 0);
    this.stationary = visits.map((visit) => visit / this.meanCycle);
    this.entropyRate = compiled.reduce((sum, edges, state) => sum + this.stationary[state]! * entropy(edges), 0);
  }

  /** Expected visits to each state between two visits of the start, the first of them counted. */
  #expectedVisits(): Float64Array {
    const visits = new Float64Array(this.states.length);
    let front = new Float64Array(this.states.length);
    front[0] = 1;
    // Mass that has not returned falls geometrically; what is left at the end is below rounding.
    for (let mass = 1; mass > 1e-18; ) {
      const next = new Float64Array(this.states.length);
      mass = 0;
      for (let state = 0; state < front.length; state++) {
        const here = front[state]!;
        if (here === 0) continue;
        visits[state]! += here;
        for (const edge of this.edges[state]!) {
          if (edge.next === 0) continue;
          next[edge.next]! += here * edge.probability;
          mass += here * edge.probability;
        }
      }
      front = next;
    }
    return visits;
  }

  /** Draws a stream from the start state; the same rng gives the same tokens. */
  sample(rng: Rng, count: number): Int32Array {
    const tokens = new Int32Array(count);
    const words = new Uint32Array(4);
    let state = 0;
    for (let i = 0; i < count; i++) {
      rng.words(i, 0, words);
      let left = (words[0]! * 2 ** 21 + (words[1]! >>> 11)) * 2 ** -53; // uniform in [0, 1)
      const edges = this.edges[state]!;
      let chosen = edges[edges.length - 1]!;
      for (const edge of edges) {
        left -= edge.probability;
        if (left < 0) {
          chosen = edge;
          break;
        }
      }
      tokens[i] = chosen.token;
      state = chosen.next;
    }
    return tokens;
  }

  /**
   * -log p of each token given all before it, in nats; the stream begins at the start state.
   *
   * Errors: RNNX_TOKEN_UNKNOWN for a token that the source cannot emit there.
   */
  surprisals(tokens: Int32Array): Float64Array {
    let state = 0;
    return Float64Array.from(tokens, (token, position) => {
      const edge = this.edges[state]!.find((candidate) => candidate.token === token);
      if (edge === undefined)
        throw new RnnxError('RNNX_TOKEN_UNKNOWN', 'The source cannot have produced this stream', {
          got: `token ${token} ("${this.symbols[token]}") at position ${position}`,
          expected: this.edges[state]!.map((candidate) => this.symbols[candidate.token]).join(', '),
          remedy: 'use a stream that the same source sampled',
        });
      state = edge.next;
      return -Math.log(edge.probability);
    });
  }
}

export interface CompiledEdge {
  readonly token: number;
  readonly probability: number;
  readonly next: number;
}

function entropy(edges: readonly CompiledEdge[]): number {
  return edges.reduce((sum, { probability }) => sum - probability * Math.log(probability), 0);
}

function checkEdges(state: string, edges: readonly Edge[]): void {
  const fail = (got: string, expected: string) =>
    new RnnxError('RNNX_SHAPE_MISMATCH', `State "${state}" is not one of a unifilar source`, {
      got,
      expected,
      remedy: 'mend the grammar',
    });
  const sum = edges.reduce((total, { probability }) => total + probability, 0);
  if (Math.abs(sum - 1) > 1e-12) throw fail(`probabilities that sum to ${sum}`, 'a sum of 1');
  if (edges.some(({ probability }) => !(probability > 0))) throw fail('a probability of 0 or less', 'more than 0');
  const seen = new Set<string>();
  for (const { symbol } of edges) {
    if (seen.has(symbol)) throw fail(`two edges for "${symbol}"`, 'one edge a symbol');
    seen.add(symbol);
  }
}

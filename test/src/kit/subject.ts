import {
  type AnyPlugin,
  type ErrorCode,
  type OptionSchema,
  type PluginKind,
  type PluginKinds,
  PluginRegistry,
} from '@rnnx/core';
import type { Named } from './contract.js';
import { referencePlugins } from './reference-plugins.js';

/** Options as a user writes them; what has a default may be left out. */
export type Options = Readonly<Record<string, unknown>>;

/** One valid set of options. */
export interface Case {
  readonly options: Options;
}

/** Options that must be refused, and with which code: at creation, or at the first use. */
export interface Refusal {
  readonly options: Options;
  readonly code: ErrorCode;
}

/** What every contract is told about a plugin. */
export interface Claims<C extends Case> {
  /** Sets of options that together show what the plugin does. */
  readonly valid: readonly C[];
  /** Other values of an option, by name, to see that it changes something. Each is tried in every valid set. */
  readonly variations?: Readonly<Record<string, readonly unknown[]>>;
  readonly invalid: readonly Refusal[];
  /** Plugins that the options name, such as noise distributions and cells. */
  readonly with?: readonly AnyPlugin[];
}

/** A plugin under test, of whatever kind. */
export abstract class Subject<K extends PluginKind = PluginKind, C extends Case = Case> implements Named {
  readonly plugin: AnyPlugin;
  readonly claims: Claims<C>;
  readonly kind: K;
  #registry: PluginRegistry | undefined;

  constructor(kind: K, plugin: AnyPlugin, claims: Claims<C>) {
    this.kind = kind;
    this.plugin = plugin;
    this.claims = claims;
  }

  get title(): string {
    return `${this.kind} "${this.plugin.name}"`;
  }

  /** Knows the plugin, those it is tried with, and those of the kit. Errors: those of a definition that is refused. */
  get registry(): PluginRegistry {
    if (this.#registry === undefined) {
      this.#registry = new PluginRegistry([this.plugin]);
      const known = new Set([`${this.plugin.kind}/${this.plugin.name}`]);
      for (const other of [...(this.claims.with ?? []), ...referencePlugins]) {
        const key = `${other.kind}/${other.name}`;
        if (!known.has(key)) this.#registry.register(other);
        known.add(key);
      }
    }
    return this.#registry;
  }

  get properties(): readonly (readonly [string, OptionSchema])[] {
    return Object.entries<OptionSchema>(this.plugin.schema.properties);
  }

  /** Options with their defaults, frozen. Errors: RNNX_CONFIG_INVALID. */
  resolve(options: Options): Options {
    const { name: _, ...resolved } = this.registry.resolve(this.kind, { ...options, name: this.plugin.name });
    return resolved;
  }

  create(options: Options): PluginKinds[K] {
    return this.registry.create(this.kind, { ...options, name: this.plugin.name });
  }

  /** Takes a new instance through all that a run asks of it. */
  abstract exercise(instance: PluginKinds[K], at: C): Promise<void>;

  /** Everything that can be observed under the case's options, as text: equal texts mean equal behaviour. */
  abstract fingerprint(at: C): Promise<string>;
}

/** For messages. */
export function show(options: unknown): string {
  return JSON.stringify(options);
}

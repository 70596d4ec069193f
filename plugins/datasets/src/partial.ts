import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** What the server said about the file, so that a rest can be asked for safely (RFC 9110, section 13.1.5). */
export interface Validator {
  readonly url: string;
  /** A strong entity tag or a date, for `If-Range`; `null` where the server gave none. */
  readonly ifRange: string | null;
}

/**
 * The unfinished part of a download: a folder beside the target with the bytes so far and their validator.
 *
 * Between tries it is called `<target>.partial`. A process that works on it first renames it to a name of its own. A
 * rename is atomic, so two processes never write to one part; the second starts from nothing. A part left by a process
 * that was killed is taken over once that process is gone.
 */
export class Partial {
  readonly #target: string;
  readonly #folder: string;

  private constructor(target: string, folder: string) {
    this.#target = target;
    this.#folder = folder;
  }

  static async claim(target: string): Promise<Partial> {
    await mkdir(dirname(target), { recursive: true });
    const own = `${target}.partial-${ownerTag(process.pid)}${randomUUID().slice(0, 8)}`;
    for (const left of [`${target}.partial`, ...(await orphans(target))]) {
      const taken = await rename(left, own).then(
        () => true,
        () => false, // another process was faster, or there is none
      );
      if (taken) return new Partial(target, own);
    }
    await mkdir(own);
    return new Partial(target, own);
  }

  get body(): string {
    return join(this.#folder, 'body');
  }

  /** Bytes so far. */
  async size(): Promise<number> {
    return (await stat(this.body).catch(() => undefined))?.size ?? 0;
  }

  async validator(): Promise<Validator | undefined> {
    try {
      return JSON.parse(await readFile(join(this.#folder, 'validator.json'), 'utf8')) as Validator;
    } catch {
      return undefined; // absent or half written: the part cannot be trusted
    }
  }

  /** Forgets the bytes and starts again under another validator. */
  async restart(validator: Validator): Promise<void> {
    await rm(this.body, { force: true });
    await writeFile(join(this.#folder, 'validator.json'), JSON.stringify(validator));
  }

  /** Puts the finished file in its place. */
  async finish(): Promise<void> {
    await rename(this.body, this.#target);
    await this.discard();
  }

  /** Leaves the part for the next try. */
  async release(): Promise<void> {
    if ((await this.size()) === 0) return this.discard();
    // Fails where another process has left a part meanwhile; one of the two is enough.
    await rename(this.#folder, `${this.#target}.partial`).catch(() => this.discard());
  }

  async discard(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function ownerTag(pid: number): string {
  return `${hostname()}-${pid}-`;
}

/** Parts whose process, on this machine, no longer runs. */
async function orphans(target: string): Promise<string[]> {
  const prefix = `${basename(target)}.partial-${hostname()}-`;
  const found: string[] = [];
  for (const name of await readdir(dirname(target))) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (!Number.isNaN(pid) && !isRunning(pid)) found.push(join(dirname(target), name));
  }
  return found;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

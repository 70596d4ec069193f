import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import util from 'node:util';
import { type Backend, type BackendStatus, definePlugin, RnnxError, startBackend } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

const packages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

export interface TensorflowOptions {
  readonly package: 'auto' | (typeof packages)[number];
}

interface Found {
  readonly name: string;
  readonly version: string;
  /** The package's folder. */
  readonly directory: string;
  readonly load: () => unknown;
}

export class Tensorflow implements Backend {
  readonly tfjsName = 'tensorflow';

  /** @param roots files or folders (ending in `/`) from which packages are looked up, first match wins */
  constructor(
    private readonly options: TensorflowOptions,
    private readonly roots: readonly string[] = [join(process.cwd(), '/'), import.meta.url],
  ) {}

  async probe(): Promise<BackendStatus> {
    const found = this.find();
    if (found === undefined)
      return { available: false, reason: `${this.wanted.join(' or ')} is not installed`, remedy: this.install };
    const binding = missingBinding(found);
    if (binding !== undefined) return { available: false, reason: binding, remedy: this.rebuild(found) };
    return { available: true, detail: `${found.name} ${found.version} in ${found.directory}` };
  }

  async activate(): Promise<void> {
    const found = this.find();
    if (found === undefined)
      throw new RnnxError('RNNX_BACKEND_UNAVAILABLE', 'The tensorflow backend is not installed', {
        got: `no ${this.wanted.join(' and no ')} in ${this.roots.join(' or ')}`,
        expected: `${this.wanted.join(' or ')}, an optional package because its download is large`,
        remedy: `${this.install} (or @tensorflow/tfjs-node where there is no NVIDIA GPU)`,
      });
    try {
      restoreUtil();
      found.load();
      await startBackend('tensorflow', tryOut);
    } catch (cause) {
      throw new RnnxError('RNNX_BACKEND_UNAVAILABLE', `${found.name} is installed but does not work here`, {
        got: `${cause instanceof Error ? cause.message : String(cause)} (Node ${process.version})`,
        expected: `${found.name} ${found.version} built for this Node and operating system, with its libraries`,
        remedy: `${this.rebuild(found)}, or choose another backend`,
        cause,
      });
    }
  }

  private get wanted(): readonly string[] {
    return this.options.package === 'auto' ? packages : [this.options.package];
  }

  private get install(): string {
    return `npm install ${this.wanted[0]}@${tf.version['tfjs-core']}`;
  }

  private rebuild(found: Found): string {
    return `npm rebuild ${found.name} --build-addon-from-source`;
  }

  /** Any root's GPU package goes before any root's CPU package. */
  private find(): Found | undefined {
    for (const name of this.wanted)
      for (const root of this.roots) {
        const require = createRequire(root);
        try {
          const manifest = require.resolve(`${name}/package.json`);
          const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
          return { name, version, directory: dirname(manifest), load: () => require(name) };
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
        }
      }
    return undefined;
  }
}

/** The install script puts the addon in place; where scripts are off or the download failed it is not there. */
function missingBinding({ name, directory }: Found): string | undefined {
  const { binary } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  if (binary?.module_name === undefined || binary.module_path === undefined) return undefined;
  const builds: number[] = binary.napi_versions ?? [];
  const places = builds.map((build) => binary.module_path.replace('{napi_build_version}', String(build)));
  if ([binary.module_path, ...places].some((place) => existsSync(join(directory, place, `${binary.module_name}.node`))))
    return undefined;
  return `${name} lacks its compiled addon: its install script did not run or failed`;
}

/** Node 23 removed two functions that tfjs-node 4.22 calls in its kernels. */
function restoreUtil(): void {
  const old = util as { isNullOrUndefined?: unknown; isArray?: unknown };
  old.isNullOrUndefined ??= (value: unknown) => value == null;
  old.isArray ??= Array.isArray;
}

/** Some breakages show only when a kernel runs. */
async function tryOut(): Promise<void> {
  const product = tf.tidy(() => {
    const two = tf.fill([1, 1], 2);
    return tf.matMul(two, two);
  });
  try {
    const [four] = await product.data();
    if (four !== 4) throw new Error(`it computes 2 x 2 = ${four}`);
  } finally {
    product.dispose();
  }
}

/**
 * TensorFlow's own library, on NVIDIA GPUs (`@tensorflow/tfjs-node-gpu`) or on CPUs (`@tensorflow/tfjs-node`). Neither
 * is a dependency: they are looked up by name when the backend starts, first from the current folder, then from here.
 *
 * Errors: RNNX_BACKEND_UNAVAILABLE where neither is installed (with the command to run) or the one found fails.
 */
export const tensorflow = definePlugin<'backend', TensorflowOptions>({
  kind: 'backend',
  name: 'tensorflow',
  summary: "TensorFlow's library on an NVIDIA GPU or all CPU cores; needs @tensorflow/tfjs-node-gpu or tfjs-node",
  core: '^0.1.0',
  paper: null,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      package: {
        description: 'Which package to load; auto takes the GPU one if it is installed, else the CPU one',
        enum: ['auto', ...packages],
        default: 'auto',
      },
    },
  },
  create: (options) => new Tensorflow(options),
});

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const usual = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** A browser of the Chromium family: RNNX_CHROMIUM names one, or it lies where distributions put it. */
export function findChromium(): string | undefined {
  return [process.env.RNNX_CHROMIUM, ...usual].find((path) => path !== undefined && existsSync(path));
}

export interface OpenedPage {
  /** The document after loading, as HTML. */
  readonly dom: string;
  /** What the page wrote to its console, refusals by its policy included. */
  readonly console: readonly string[];
  /** Addresses other than files that were asked for. */
  readonly requests: readonly string[];
}

const quiet = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update', '--enable-logging=stderr'],
  '--host-resolver-rules=MAP * ~NOTFOUND', // the browser's own errands included
];

/** Opens a file in a browser without a window. */
export async function openPage(chromium: string, file: string, options: readonly string[] = []): Promise<OpenedPage> {
  const folder = mkdtempSync(join(tmpdir(), 'rnnx-chromium-'));
  const log = join(folder, 'net.json');
  try {
    const profile = [`--user-data-dir=${join(folder, 'profile')}`, `--log-net-log=${log}`];
    const args = [...quiet, ...profile, ...options, '--dump-dom', pathToFileURL(file).href];
    const { stdout, stderr } = await promisify(execFile)(chromium, args, { maxBuffer: 64 * 1024 * 1024 });
    const lines = stderr.split('\n').filter((line) => /CONSOLE/.test(line));
    // The browser's own requests have no origin.
    const events = readFileSync(log, 'utf8').split('\n');
    const asked = events.flatMap((line) => {
      const url = /"url":"((?:https?|wss?|ftp):[^"]+)"/.exec(line)?.[1];
      return url === undefined || !/"initiator":"(?!not an origin)/.test(line) ? [] : [url];
    });
    return { dom: stdout, console: lines, requests: [...new Set(asked)] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

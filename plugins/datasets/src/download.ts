import { open } from 'node:fs/promises';
import { type LoadContext, RnnxError } from '@rnnx/core';
import { type BinaryFile, checksumError, kindOf, readBinary, readText, sha256Of, type TextFile } from './files.js';
import { Partial, type Validator } from './partial.js';

export interface DownloadRequest {
  /** http or https. */
  readonly url: string;
  /** Where the finished file goes; nothing but a complete, checked file ever stands there. */
  readonly target: string;
  /** SHA-256 that the file must have, in hexadecimal digits. */
  readonly sha256?: string;
  /** What progress reports call it. */
  readonly label: string;
  /** How to do without the download: where to put a copy by hand. Part of the messages. */
  readonly byHand: string;
}

/**
 * Downloads a file atomically: into a part beside the target, checked, then renamed. A part from an earlier try is
 * continued (`Range` with `If-Range`) where the server gave a validator and still honours it; otherwise the download
 * starts again. Processes that download the same file at once each write a part of their own.
 *
 * Errors: RNNX_DATA_OFFLINE (refused, or no connection), RNNX_DATA_DOWNLOAD (the server's error, or the disk's),
 * RNNX_DATA_TRUNCATED (part kept), RNNX_DATA_CHECKSUM (part removed); the signal's reason when aborted (part kept).
 */
export async function download(
  request: DownloadRequest,
  context: Pick<LoadContext, 'offline' | 'signal' | 'onProgress'>,
): Promise<void> {
  context.signal?.throwIfAborted();
  if (context.offline)
    throw new RnnxError('RNNX_DATA_OFFLINE', `${request.label} is not on this machine`, {
      got: 'downloads refused (offline)',
      expected: `a download of ${request.url}`,
      remedy: `allow downloads, or ${request.byHand}`,
    });
  const part = await Partial.claim(request.target).catch((cause: Error) => {
    throw diskError(request, cause);
  });
  try {
    await fetchInto(part, request, context);
    if (request.sha256 !== undefined) {
      const got = await sha256Of(part.body);
      if (got !== request.sha256.toLowerCase()) {
        await part.discard();
        const remedy = `the download was removed; try again, or ${request.byHand}`;
        throw checksumError(request.url, got, request.sha256, remedy);
      }
    }
    await part.finish();
  } catch (error) {
    await part.release();
    context.signal?.throwIfAborted();
    throw error instanceof RnnxError ? error : diskError(request, error as Error);
  }
}

async function fetchInto(
  part: Partial,
  request: DownloadRequest,
  context: Pick<LoadContext, 'signal' | 'onProgress'>,
): Promise<void> {
  const validator = await part.validator();
  const size = await part.size();
  const resumable = size > 0 && validator?.url === request.url && validator.ifRange !== null;

  let offset = resumable ? size : 0;
  let response = await ask(request, context.signal, offset, validator?.ifRange);
  const refused = response.status === 416 || (response.status === 206 && rangeOf(response)?.start !== offset);
  if (offset > 0 && refused) {
    await response.body?.cancel();
    offset = 0;
    response = await ask(request, context.signal, 0);
  }
  if (response.status !== 200 && !(response.status === 206 && offset > 0)) {
    await response.body?.cancel();
    throw new RnnxError('RNNX_DATA_DOWNLOAD', `The server did not give ${request.url}`, {
      got: `HTTP ${response.status} ${response.statusText}`.trim(),
      expected: 'HTTP 200',
      remedy: `try again later, or ${request.byHand}`,
    });
  }
  if (response.status === 200) {
    offset = 0;
    await part.restart(validatorOf(request.url, response));
  }
  await receive(part, response, offset, request, context);
}

async function ask(
  request: DownloadRequest,
  signal: AbortSignal | undefined,
  offset: number,
  ifRange?: string | null,
): Promise<Response> {
  // Compressed transfers count other bytes than the file's.
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (offset > 0) Object.assign(headers, { range: `bytes=${offset}-`, 'if-range': ifRange });
  try {
    return await fetch(request.url, { headers, ...(signal ? { signal } : {}) });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new RnnxError('RNNX_DATA_OFFLINE', `Cannot reach ${new URL(request.url).host}`, {
      got: reasonOf(cause),
      expected: `a download of ${request.url}`,
      remedy: `check the network, or ${request.byHand}`,
      cause,
    });
  }
}

async function receive(
  part: Partial,
  response: Response,
  offset: number,
  request: DownloadRequest,
  context: Pick<LoadContext, 'signal' | 'onProgress'>,
): Promise<void> {
  const total = totalOf(response);
  let received = offset;
  const report = () => context.onProgress?.({ label: request.label, received, total });
  report();

  let broken: unknown;
  const file = await open(part.body, offset > 0 ? 'a' : 'w');
  try {
    for await (const chunk of arriving(response, (error) => (broken = error))) {
      await file.writeFile(chunk);
      received += chunk.length;
      report();
    }
    await file.sync();
  } finally {
    await file.close();
  }
  context.signal?.throwIfAborted();

  if (broken !== undefined || (total !== undefined && received < total))
    throw new RnnxError('RNNX_DATA_TRUNCATED', `The download of ${request.url} ended early`, {
      got: `${received} bytes${broken === undefined ? '' : ` (${reasonOf(broken)})`}`,
      expected: total === undefined ? 'the whole file' : `${total} bytes`,
      remedy: `run again: it goes on from there; or ${request.byHand}`,
      cause: broken,
    });
}

/** The body as it arrives. A broken connection ends it, so that an error thrown while reading is the disk's. */
async function* arriving(response: Response, onBroken: (error: unknown) => void): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        onBroken(error);
        return { done: true, value: undefined } as const;
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function validatorOf(url: string, response: Response): Validator {
  const tag = response.headers.get('etag');
  const strong = tag !== null && !tag.startsWith('W/') ? tag : null;
  return { url, ifRange: strong ?? response.headers.get('last-modified') };
}

function rangeOf(response: Response): { start: number; total: number | undefined } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (match === null) return undefined;
  return { start: Number(match[1]), total: match[2] === '*' ? undefined : Number(match[2]) };
}

function totalOf(response: Response): number | undefined {
  if (response.status === 206) return rangeOf(response)?.total;
  const length = response.headers.get('content-length');
  // With a content encoding the length is that of the encoded bytes.
  return length === null || response.headers.has('content-encoding') ? undefined : Number(length);
}

function diskError(request: DownloadRequest, cause: Error): RnnxError {
  return new RnnxError('RNNX_DATA_DOWNLOAD', `Cannot keep the download of ${request.url}`, {
    got: cause.message,
    expected: `room and permission to write ${request.target}`,
    remedy: `make room or choose another cache folder, or ${request.byHand}`,
    cause,
  });
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message ? `${message}: ${cause.message}` : message;
}

/**
 * The file from the cache, or downloaded into it. A cached file with another checksum is replaced.
 *
 * Errors: as `download` and `readText`.
 */
export async function cachedText(request: DownloadRequest, context: LoadContext): Promise<TextFile> {
  await fillCache(request, context);
  return readText(request.target, request.sha256, cacheRemedy(request));
}

/** As `cachedText`, for any content. */
export async function cachedBinary(request: DownloadRequest, context: LoadContext): Promise<BinaryFile> {
  await fillCache(request, context);
  return readBinary(request.target, request.sha256, cacheRemedy(request));
}

async function fillCache(request: DownloadRequest, context: LoadContext): Promise<void> {
  const { target, sha256 } = request;
  const present = (await kindOf(target)) === 'file';
  const fit = present && (sha256 === undefined || (await sha256Of(target)) === sha256.toLowerCase());
  if (!fit && !(present && context.offline)) await download(request, context);
}

function cacheRemedy({ byHand }: DownloadRequest): string {
  return `delete it and allow downloads, or ${byHand}`;
}

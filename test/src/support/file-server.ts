import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the test server misbehaves. */
export interface Behaviour {
  /** Send the file up to this byte, then wait for `cut`. */
  stallAfter?: number;
  /** Answer requests for a range with the whole file. */
  ignoreRange?: boolean;
  /** Answer requests for a range with the file from its start, marked as another range. */
  wrongRange?: boolean;
  /** Answer requests for a range with 416. */
  refuseRange?: boolean;
  /** Give no entity tag and no date. */
  noValidator?: boolean;
  /** A weak entity tag, and a date. */
  weakTag?: boolean;
  /** Send without a length, in chunks. */
  chunked?: boolean;
  status?: number;
  redirectTo?: string;
}

export interface FileServer {
  readonly origin: string;
  readonly files: Map<string, string | Uint8Array>;
  behaviour: Behaviour;
  /** Cuts the connections that stall. */
  cut(): void;
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders; status: number }[];
}

/** A file server on 127.0.0.1 for the tests of a suite, reset before each test. */
export function useServer(): FileServer {
  const stalled: ServerResponse[] = [];
  const state = {
    origin: '',
    files: new Map<string, string | Uint8Array>(),
    behaviour: {} as Behaviour,
    requests: [],
    cut: () => {
      for (const response of stalled.splice(0)) response.destroy();
    },
  };
  const server: FileServer = state;
  const http = createServer((request, response) => answer(server, request, response, stalled));
  before(async () => {
    await new Promise<void>((ready) => http.listen(0, '127.0.0.1', ready));
    state.origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    server.files.clear();
    server.requests.length = 0;
    server.behaviour = {};
  });
  afterEach(() => server.cut());
  after(() => {
    http.closeAllConnections();
    http.close();
  });
  return server;
}

type Send = (status: number, headers: Record<string, string>, body?: string | Uint8Array, offset?: number) => void;

function answer(
  server: FileServer,
  request: IncomingMessage,
  response: ServerResponse,
  stalled: ServerResponse[],
): void {
  const path = request.url!;
  const { behaviour } = server;
  const entry = { path, headers: request.headers, status: 0 };
  server.requests.push(entry);
  const send: Send = (status, headers, body = '', offset = 0) => {
    entry.status = status;
    const bytes = Buffer.from(body as string);
    if (!behaviour.chunked) headers['content-length'] = String(bytes.length);
    response.writeHead(status, headers);
    const stop = behaviour.stallAfter;
    if (stop === undefined || stop - offset >= bytes.length) return void response.end(bytes);
    response.write(bytes.subarray(0, stop - offset));
    stalled.push(response);
  };

  const content = server.files.get(path);
  if (behaviour.redirectTo !== undefined && path !== behaviour.redirectTo)
    send(302, { location: behaviour.redirectTo });
  else if (behaviour.status !== undefined) send(behaviour.status, {}, 'no');
  else if (content === undefined) send(404, {}, 'not found');
  else sendFile(Buffer.from(content as string), request.headers, behaviour, send);
}

function sendFile(content: Buffer, asked: IncomingHttpHeaders, behaviour: Behaviour, send: Send): void {
  const tag = `"${createHash('sha256').update(content).digest('hex').slice(0, 8)}"`;
  const headers: Record<string, string> = behaviour.noValidator ? {} : { etag: behaviour.weakTag ? `W/${tag}` : tag };
  if (behaviour.weakTag) headers['last-modified'] = 'Wed, 21 Oct 2015 07:28:00 GMT';
  const from = Number(/^bytes=(\d+)-$/.exec(asked.range ?? '')?.[1] ?? Number.NaN);
  const matches = [tag, headers['last-modified']].includes(asked['if-range'] as string);
  const start = behaviour.wrongRange ? 0 : from;
  const range = { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` };
  if (Number.isNaN(from) || behaviour.ignoreRange || !matches) send(200, headers, content);
  else if (behaviour.refuseRange) send(416, { 'content-range': `bytes */${content.length}` });
  else send(206, { ...headers, ...range }, content.subarray(start), start);
}

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { LoadContext, LoadProgress, RnnxError } from '@rnnx/core';
import { download } from '@rnnx/datasets';
import { expect } from 'chai';
import { load, rejection, symbolsOf, useFolder } from '../../support/datasets.js';
import { useServer } from '../../support/file-server.js';

const content = Array.from({ length: 20_000 }, (_, i) => `line ${i}`).join('\n');
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('download', () => {
  const folder = useFolder();
  const server = useServer();
  const target = () => join(folder.path, 'cache', 'file.txt');
  const get = (context: Partial<LoadContext> = {}, checksum: string | undefined = sha256(content)) =>
    download(
      {
        url: `${server.origin}/file.txt`,
        target: target(),
        label: 'file.txt',
        byHand: 'put it somewhere (--data-dir)',
        ...(checksum === undefined ? {} : { sha256: checksum }),
      },
      { offline: false, ...context },
    );
  const result = () => readFile(target(), 'utf8');
  const left = async () => (await readdir(join(folder.path, 'cache'))).sort();
  const ranges = () => server.requests.map(({ headers }) => headers.range);

  beforeEach(() => server.files.set('/file.txt', content));

  /** A download whose connection breaks once so many bytes are there. */
  async function interrupt(at = 50_000): Promise<RnnxError> {
    const { behaviour } = server;
    server.behaviour = { ...behaviour, stallAfter: at };
    const onProgress = ({ received }: LoadProgress) => {
      if (received === at) server.cut();
    };
    const error = await rejection(() => get({ onProgress }));
    server.behaviour = behaviour;
    expect(error.code).to.equal('RNNX_DATA_TRUNCATED');
    return error;
  }

  it('puts the whole file in its place and leaves nothing else', async () => {
    await get();
    expect(await result()).to.equal(content);
    expect(await left()).to.deep.equal(['file.txt']);
  });

  it('reports progress up to the total', async () => {
    const seen: LoadProgress[] = [];
    await get({ onProgress: (progress) => void seen.push(progress) });
    expect(seen[0]).to.deep.equal({ label: 'file.txt', received: 0, total: content.length });
    expect(seen.at(-1)!.received).to.equal(content.length);
    const received = seen.map((progress) => progress.received);
    expect(received).to.deep.equal([...received].sort((a, b) => a - b));
  });

  it('knows no total where the server gives none', async () => {
    server.behaviour = { chunked: true };
    const totals = new Set<number | undefined>();
    await get({ onProgress: ({ total }) => void totals.add(total) });
    expect([...totals]).to.deep.equal([undefined]);
    expect(await result()).to.equal(content);
  });

  it('follows redirects', async () => {
    server.files.set('/moved.txt', content);
    server.behaviour = { redirectTo: '/moved.txt' };
    await get();
    expect(await result()).to.equal(content);
  });

  describe('cut short', () => {
    it('is noticed, and the target does not appear', async () => {
      const error = await interrupt(50_000);
      expect(error.details.got).to.match(/^50000 bytes/);
      expect(error.details.expected).to.equal(`${content.length} bytes`);
      expect(await left()).to.deep.equal(['file.txt.partial']);
    });

    it('is noticed without a length too', async () => {
      server.behaviour = { chunked: true };
      expect((await interrupt()).details.expected).to.equal('the whole file');
    });

    it('goes on from where it ended', async () => {
      await interrupt(50_000);
      await interrupt(80_000);
      await get();
      expect(ranges()).to.deep.equal([undefined, 'bytes=50000-', 'bytes=80000-']);
      expect(server.requests.at(-1)!.status).to.equal(206);
      expect(await result()).to.equal(content);
      expect(await left()).to.deep.equal(['file.txt']);
    });

    it('counts progress from there', async () => {
      await interrupt(50_000);
      const seen: LoadProgress[] = [];
      await get({ onProgress: (progress) => void seen.push(progress) });
      expect(seen[0]).to.deep.equal({ label: 'file.txt', received: 50_000, total: content.length });
    });

    it('goes on by date where the tag is weak', async () => {
      server.behaviour = { weakTag: true };
      await interrupt();
      await get();
      expect(server.requests[1]!.headers['if-range']).to.equal('Wed, 21 Oct 2015 07:28:00 GMT');
      expect(server.requests[1]!.status).to.equal(206);
      expect(await result()).to.equal(content);
    });

    for (const [what, behaviour, requests] of [
      ['ignores ranges', { ignoreRange: true }, 2],
      ['answers with another range', { wrongRange: true }, 3],
      ['refuses ranges', { refuseRange: true }, 3],
      ['gave no validator', { noValidator: true }, 2],
    ] as const)
      it(`starts again where the server ${what}`, async () => {
        server.behaviour = { ...behaviour };
        await interrupt();
        await get();
        expect(await result()).to.equal(content);
        expect(server.requests).to.have.length(requests);
        expect(server.requests.at(-1)!.status).to.equal(200);
      });

    it('starts again where the file has changed meanwhile', async () => {
      await interrupt();
      const changed = content.toUpperCase();
      server.files.set('/file.txt', changed);
      await get({}, sha256(changed));
      expect(await result()).to.equal(changed);
    });

    it('does not trust a part without its validator', async () => {
      await interrupt();
      await writeFile(`${target()}.partial/validator.json`, '{"url":');
      await get();
      expect(ranges()).to.deep.equal([undefined, undefined]);
      expect(await result()).to.equal(content);
    });
  });

  it('removes a file with another checksum', async () => {
    const error = await rejection(() => get({}, sha256('something else')));
    expect(error.code).to.equal('RNNX_DATA_CHECKSUM');
    expect(error.details.got).to.contain(sha256(content));
    expect(error.details.expected).to.contain(sha256('something else'));
    expect(await left()).to.deep.equal([]);
  });

  it('keeps the file that stands there when a new download fails', async () => {
    await mkdir(join(folder.path, 'cache'));
    await writeFile(target(), 'old');
    await rejection(() => get({}, sha256('something else')));
    expect(await result()).to.equal('old');
  });

  for (const status of [404, 403, 500])
    it(`says so when the server answers ${status}`, async () => {
      server.behaviour = { status };
      const error = await rejection(() => get());
      expect(error.code).to.equal('RNNX_DATA_DOWNLOAD');
      expect(error.details.got).to.contain(String(status));
      expect(error.details.remedy).to.contain('--data-dir');
      expect(await left()).to.deep.equal([]);
    });

  it('keeps the part when the server has an error for a while', async () => {
    await interrupt();
    server.behaviour = { status: 503 };
    await rejection(() => get());
    server.behaviour = {};
    await get();
    expect(ranges().at(-1)).to.equal('bytes=50000-');
    expect(await result()).to.equal(content);
  });

  it('asks nobody when offline', async () => {
    const error = await rejection(() => get({ offline: true }));
    expect(error.code).to.equal('RNNX_DATA_OFFLINE');
    expect(error.details.expected).to.contain('/file.txt');
    expect(error.details.remedy).to.contain('put it somewhere (--data-dir)');
    expect(server.requests).to.have.length(0);
  });

  it('says so when nobody answers', async () => {
    const request = { url: 'http://127.0.0.1:2/x', target: target(), label: 'x', byHand: 'use --data-dir' };
    const error = await rejection(() => download(request, { offline: false }));
    expect(error.code).to.equal('RNNX_DATA_OFFLINE');
    expect(error.message).to.contain('127.0.0.1:2');
    expect(error.details.remedy).to.contain('--data-dir');
  });

  it('says so when the disk cannot take it', async () => {
    await writeFile(join(folder.path, 'cache'), 'a file where the folder should be');
    const error = await rejection(() => get());
    expect(error.code).to.equal('RNNX_DATA_DOWNLOAD');
    expect(error.details.expected).to.contain(target());
  });

  it('stops on a signal, keeps the part, and goes on later', async () => {
    server.behaviour = { stallAfter: 50_000 };
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = ({ received }: LoadProgress) => {
      if (received === 50_000) controller.abort(reason);
    };
    const error = await get({ signal: controller.signal, onProgress }).catch((caught: unknown) => caught);
    expect(error).to.equal(reason);
    server.behaviour = {};
    await get();
    expect(ranges()).to.deep.equal([undefined, 'bytes=50000-']);
    expect(await result()).to.equal(content);
  });

  it('does not start when stopped before', async () => {
    const error = await get({ signal: AbortSignal.abort(new Error('no')) }).catch((caught: unknown) => caught);
    expect(error).to.have.property('message', 'no');
    expect(server.requests).to.have.length(0);
  });

  it('may run several times at once', async () => {
    await interrupt();
    await Promise.all(Array.from({ length: 5 }, () => get()));
    expect(await result()).to.equal(content);
    expect(await left()).to.deep.equal(['file.txt']);
    // One of them took over the part, the others began anew.
    expect(ranges().filter((range) => range === 'bytes=50000-')).to.have.length(1);
  });

  it('takes over the part of a process that is gone, but not of one that runs', async () => {
    await interrupt();
    const claimedBy = (pid: number) => `${target()}.partial-${hostname()}-${pid}-0`;
    await rename(`${target()}.partial`, claimedBy(process.pid));
    await get();
    expect(ranges().at(-1)).to.equal(undefined);
    await rename(claimedBy(process.pid), claimedBy(2 ** 30)); // above any process number
    await get();
    expect(ranges().at(-1)).to.equal('bytes=50000-');
    expect(await left()).to.deep.equal(['file.txt']);
  });
});

describe('dataset text from URLs', () => {
  const folder = useFolder();
  const server = useServer();
  const context = () => ({ cacheDir: folder.path, offline: false });

  it('downloads, splits and caches one file', async () => {
    server.files.set('/corpus.txt', 'a b\n'.repeat(50));
    const ref = { name: 'text', path: `${server.origin}/corpus.txt` };
    await load(ref, context());
    const again = await load(ref, { ...context(), offline: true });
    expect(server.requests).to.have.length(1);
    expect(symbolsOf(again, 'test').slice(0, 3)).to.deep.equal(['a', 'b', '<eos>']);
    expect(again.notes[0]).to.contain(`${server.origin}/corpus.txt`);
  });

  it('keeps files of one name from different URLs apart', async () => {
    for (const split of ['train', 'valid', 'test']) server.files.set(`/${split}/x.txt`, split === 'test' ? 'b' : 'b a');
    const at = (split: string) => `${server.origin}/${split}/x.txt`;
    const data = await load({ name: 'text', train: at('train'), valid: at('valid'), test: at('test') }, context());
    expect(symbolsOf(data, 'test')).to.deep.equal(['b', '<eos>']);
    expect(symbolsOf(data, 'valid')).to.deep.equal(['b', 'a', '<eos>']);
  });

  it('downloads again where the cached file does not have the checksum', async () => {
    const ref = { name: 'text', path: `${server.origin}/c.txt`, sha256: { path: sha256('new \n'.repeat(50)) } };
    server.files.set('/c.txt', 'old \n'.repeat(50));
    await load({ ...ref, sha256: {} }, context());
    const offline = await rejection(() => load(ref, { ...context(), offline: true }));
    expect(offline.code).to.equal('RNNX_DATA_CHECKSUM');
    server.files.set('/c.txt', 'new \n'.repeat(50));
    expect(symbolsOf(await load(ref, context()), 'train')).to.include('new');
  });

  it('says offline where to put a copy', async () => {
    const error = await rejection(() => load({ name: 'text', path: 'https://example.org/some/corpus.txt' }));
    expect(error.code).to.equal('RNNX_DATA_OFFLINE');
    expect(error.details.remedy).to.contain('--data-dir').and.to.contain('corpus.txt');
  });
});

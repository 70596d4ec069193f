import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { lockFolder } from '../../../../cli/dist/run-folder/lock.js';
import { failureOf, temporaryFolder } from '../helpers.js';

describe('a run folder that is being written', () => {
  const folder = temporaryFolder();
  const fresh = (name: string) => {
    const path = join(folder.path, name);
    mkdirSync(path);
    return path;
  };
  const leave = (path: string, holder: object | string) =>
    writeFileSync(join(path, 'running.json'), typeof holder === 'string' ? holder : JSON.stringify(holder));
  const refusal = (path: string) => failureOf(async () => lockFolder(path));

  it('is refused to a second writer of this process, and free again afterwards', async () => {
    const path = fresh('twice');
    const release = lockFolder(path);
    const error = await refusal(path);
    expect(error.code).to.equal('RNNX_RUN_BUSY');
    expect(error.details.got).to.contain(String(process.pid));
    release();
    release();
    expect(existsSync(join(path, 'running.json'))).to.equal(false);
    lockFolder(path)();
  });

  it('is refused while another process runs, and taken over once that was killed', async () => {
    const path = fresh('other');
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const ended = new Promise((resolve) => other.once('exit', resolve));
    try {
      leave(path, { pid: other.pid, host: hostname(), began: null });
      expect((await refusal(path)).code).to.equal('RNNX_RUN_BUSY');
    } finally {
      other.kill('SIGKILL');
      await ended;
    }
    const release = lockFolder(path);
    expect(JSON.parse(readFileSync(join(path, 'running.json'), 'utf8')).pid).to.equal(process.pid);
    release();
  });

  it('is taken over where the number belongs to a later process', function () {
    if (process.platform !== 'linux') this.skip();
    const path = fresh('reused');
    leave(path, { pid: process.ppid, host: hostname(), began: '0' });
    lockFolder(path)();
  });

  it('is refused where a process of another machine holds it', async () => {
    const path = fresh('elsewhere');
    leave(path, { pid: 1, host: `${hostname()}-other`, began: null });
    const error = await refusal(path);
    expect(error.code).to.equal('RNNX_RUN_BUSY');
    expect(error.details.remedy).to.contain('running.json');
    expect(existsSync(join(path, 'running.json'))).to.equal(true);
  });

  it('is taken over where the file is damaged', () => {
    const path = fresh('damaged');
    leave(path, '{"pid":');
    lockFolder(path)();
  });
});

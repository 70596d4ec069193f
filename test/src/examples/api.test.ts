import { readFileSync } from 'node:fs';
import { expect } from 'chai';

const root = new URL('../../../', import.meta.url);

describe('the example of the programmatic API', () => {
  it('runs and prints what it says', async () => {
    const lines: string[] = [];
    const { log } = console;
    console.log = (line: string) => lines.push(line);
    try {
      await import('./api.js');
    } finally {
      console.log = log;
    }
    expect(lines).to.have.length(3);
    expect(lines[0]).to.match(/^epoch 1: perplexity \d+\.\d\d$/);
    expect(lines[2]).to.match(/^test perplexity \d+\.\d\d$/);
    expect(Number(lines[2]!.split(' ').at(-1))).to.be.lessThan(57); // symbols of the grammar: better than guessing
  });

  it('is the one in the documentation', () => {
    const example = readFileSync(new URL('test/src/examples/api.ts', root), 'utf8');
    expect(example.trim().split('\n').length).to.be.at.most(15);
    expect(readFileSync(new URL('docs/api.md', root), 'utf8')).to.include(`\`\`\`ts\n${example}\`\`\``);
    expect(readFileSync(new URL('README.md', root), 'utf8')).to.include(`\`\`\`ts\n${example}\`\`\``);
  });
});

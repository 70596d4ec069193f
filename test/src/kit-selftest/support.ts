import type { Verdict } from '../kit/index.js';

/** Fails unless the contract broke exactly at these invariants, each message beginning with the invariant's name. */
export function expectBroken(found: readonly Verdict[], expected: Readonly<Record<string, RegExp>>): void {
  const broken = found.filter(({ outcome }) => outcome === 'broken');
  const report = broken.map(({ message }) => `  ${message}`).join('\n') || '  nothing';
  for (const [name, pattern] of Object.entries(expected)) {
    const verdict = broken.find(({ invariant }) => invariant === name);
    if (verdict === undefined) throw new Error(`"${name}" should be broken; broken were:\n${report}`);
    if (!verdict.message.startsWith(`[${name}] `)) throw new Error(`the message does not name "${name}":\n${report}`);
    if (!pattern.test(verdict.message)) throw new Error(`the message does not match ${pattern}:\n${report}`);
  }
  const others = broken.filter(({ invariant }) => !(invariant in expected));
  if (others.length > 0) throw new Error(`nothing else should be broken:\n${report}`);
}

/** Whether a name holds a text, or fits a pattern in which `*` stands for anything. Case does not matter. */
export function matches(pattern: string, name: string): boolean {
  const [text, whole] = [name.toLowerCase(), pattern.toLowerCase()];
  if (!whole.includes('*')) return text.includes(whole);
  const parts = whole.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text);
}

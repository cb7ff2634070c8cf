import { readFileSync, writeFileSync } from 'node:fs';

const END = '<!-- end of figures -->';

/**
 * Puts figures into a document, in place of those between two comments. `question` names the one that has a place of its
 * own there; without it the place is that of all others.
 *
 * @throws Error when the document has no place for them.
 */
export function writeFigures(file: string, figures: string, question?: string): void {
  const text = readFileSync(file, 'utf8');
  const words = ['npm run bench --', ...(question === undefined ? [] : [question]), '--write docs/performance.md'];
  const mark = `<!-- figures: ${words.join(' ')} -->`;
  const begin = text.indexOf(mark);
  const end = text.indexOf(END, begin);
  if (begin < 0 || end < begin) throw new Error(`${file} has no place for figures: expected '${mark}' … '${END}'`);
  writeFileSync(file, `${text.slice(0, begin + mark.length)}\n\n${figures}\n\n${text.slice(end)}`);
}

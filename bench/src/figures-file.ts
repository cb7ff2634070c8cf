import { readFileSync, writeFileSync } from 'node:fs';

const BEGIN = '<!-- figures: npm run bench -- --write docs/performance.md -->';
const END = '<!-- end of figures -->';

/**
 * Puts figures into a document, in place of those between its two comments.
 *
 * @throws Error when the document has no place for them.
 */
export function writeFigures(file: string, figures: string): void {
  const text = readFileSync(file, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${file} has no place for figures: expected '${BEGIN}' … '${END}'`);
  writeFileSync(file, `${text.slice(0, begin + BEGIN.length)}\n\n${figures}\n\n${text.slice(end)}`);
}

import type { Figure } from './question.js';

const HEADINGS = ['question', 'figures', 'budget', 'verdict'] as const;
const HEADINGS_BESIDE_JAVA = ['question', 'ours', 'ElasticJob 3.0.4 for Java', 'Java / ours'] as const;

/** The figures as a table for a terminal, which is also one for Markdown. */
export function table(figures: readonly Figure[]): string {
  const isBesideJava = figures.some(({ java }) => java !== undefined);
  const headings: readonly string[] = isBesideJava ? HEADINGS_BESIDE_JAVA : HEADINGS;
  const rows = figures.map(({ subject, figures: text, java, factor, budget }) =>
    isBesideJava ? [subject, text, java ?? '', factor ?? ''] : [subject, text, budget?.promise ?? '', verdict(budget)],
  );
  const widths = headings.map((heading, column) =>
    Math.max(...[heading, ...rows.map((row) => row[column] ?? '')].map(size)),
  );
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - size(cell)));
    return `| ${padded.join(' | ')} |`;
  };
  const rule = widths.map((width) => '-'.repeat(width));
  return [line(headings), line(rule), ...rows.map(line)].join('\n');
}

function verdict(budget: Figure['budget']): string {
  if (budget === undefined) return '';
  return budget.met ? 'met' : 'MISSED';
}

/** Cells may hold `|` no more than they may hold line breaks; what they hold are single characters wide. */
function size(cell: string): number {
  return [...cell].length;
}

import type { Figure } from './question.js';

const HEADINGS = ['question', 'figures', 'budget', 'verdict'] as const;

/** The figures as a table for a terminal, which is also one for Markdown. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ subject, figures: text, budget }) => [
    subject,
    text,
    budget?.promise ?? '',
    verdict(budget),
  ]);
  const widths = HEADINGS.map((heading, column) =>
    Math.max(...[heading, ...rows.map((row) => row[column] ?? '')].map(size)),
  );
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - size(cell)));
    return `| ${padded.join(' | ')} |`;
  };
  const rule = widths.map((width) => '-'.repeat(width));
  return [line(HEADINGS), line(rule), ...rows.map(line)].join('\n');
}

function verdict(budget: Figure['budget']): string {
  if (budget === undefined) return '';
  return budget.met ? 'met' : 'MISSED';
}

/** Cells may hold `|` no more than they may hold line breaks; what they hold are single characters wide. */
function size(cell: string): number {
  return [...cell].length;
}

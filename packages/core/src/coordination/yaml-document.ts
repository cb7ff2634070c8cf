import { type CST, type Document, Parser, parseDocument } from 'yaml';

/** How deep collections may stand in one another. What reads them is recursive, and at the end of its stack Node aborts. */
export const MOST_LEVELS = 100;

/** A line that begins with many columns of indentation and indicators: two levels take one column or more. */
const FAR_IN = new RegExp(`^[ \\t?:-]{${MOST_LEVELS / 2}}`, 'm');

/**
 * A text as YAML 1.1 in which every value is a text, whoever wrote it. What is wrong with it is in its `errors`; `null`
 * if it is nested deeper than {@link MOST_LEVELS}, which nothing of ours or of Java's is.
 */
export function yamlDocument(text: string): Document.Parsed | null {
  if (mayBeDeep(text) && isDeep(text)) return null;
  return parseDocument(text, { version: '1.1', schema: 'failsafe', uniqueKeys: false });
}

/** Cheap, and right when it says no. */
function mayBeDeep(text: string): boolean {
  return (text.match(/[[{]/g)?.length ?? 0) > MOST_LEVELS || FAR_IN.test(text);
}

/** Looks at the tokens, which are read without recursion. */
function isDeep(text: string): boolean {
  for (const token of new Parser().parse(text)) {
    if (token.type !== 'document') continue;
    let level = [token.value].filter(isCollection);
    for (let depth = 1; level.length > 0; depth++) {
      if (depth > MOST_LEVELS) return true;
      level = level.flatMap(within);
    }
  }
  return false;
}

type Collection = CST.BlockMap | CST.BlockSequence | CST.FlowCollection;

function within({ items }: Collection): Collection[] {
  return items.flatMap(({ key, value }: CST.CollectionItem) => [key, value].filter(isCollection));
}

function isCollection(token: CST.Token | null | undefined): token is Collection {
  return token !== null && token !== undefined && 'items' in token;
}

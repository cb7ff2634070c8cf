/**
 * Reads a document below a job that only we write: a JSON object of version 1. `null` for anything else, such as what an
 * operator or a program of another kind wrote: the caller says what that means.
 */
export function readDocument(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) && value.v === 1 ? value : null;
  } catch {
    // Not JSON, so it is no document of ours.
    return null;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

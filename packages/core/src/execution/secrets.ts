/** Texts by name that jobs may refer to and that are stored nowhere. */
export type Secrets = Readonly<Record<string, string>>;

const REFERENCE = /\{secret:([^}]*)\}/g;

/** The text with each `{secret:NAME}` replaced by the secret of that name; unknown ones stay as they are. */
export function withSecrets(text: string, secrets: Secrets): string {
  return text.replaceAll(REFERENCE, (reference, name: string) =>
    has(secrets, name) ? (secrets[name] ?? '') : reference,
  );
}

/** The names in the text's references that no secret has. */
export function unknownSecrets(text: string, secrets: Secrets): readonly string[] {
  return [...text.matchAll(REFERENCE)].map(([, name = '']) => name).filter((name) => !has(secrets, name));
}

function has(secrets: Secrets, name: string): boolean {
  return Object.hasOwn(secrets, name);
}

/**
 * The text with each secret in it replaced by a reference to it, for messages and logs that repeat what somebody else said.
 * Very short ones are left: they would stand everywhere, and are no secrets. Of a text that was cut, the beginning of a
 * secret at its very end is hidden too; so hide first what is to be cut.
 */
export function hideSecrets(text: string, secrets: Secrets): string {
  const hidden = Object.entries(secrets).filter(([, secret]) => secret.length >= LEAST);
  // Longer ones first: what is within another secret would take its middle out and leave the ends.
  const inOrder = hidden.toSorted(([, one], [, other]) => other.length - one.length);
  const hide = (given: string): string =>
    inOrder.reduce((shown, [name, secret]) => shown.replaceAll(secret, () => referenceTo(name)), given);
  const [name = '', length = 0] = longest(inOrder.map(([each, secret]) => [each, beginningAtTheEnd(text, secret)]));
  const [, whole = 0] = longest(inOrder.map(([each, secret]) => [each, text.endsWith(secret) ? secret.length : 0]));
  return length > whole ? hide(text.slice(0, -length)) + referenceTo(name) : hide(text);
}

/** What is shorter is left as it is. */
const LEAST = 4;

const referenceTo = (name: string): string => `{secret:${name}}`;

function longest(found: readonly (readonly [string, number])[]): readonly [string, number] | readonly [] {
  return found.toSorted(([, one], [, other]) => other - one)[0] ?? [];
}

/** How much of the secret's beginning, but not the whole, the text ends with. */
function beginningAtTheEnd(text: string, secret: string): number {
  for (let length = Math.min(secret.length - 1, text.length); length >= LEAST; length--) {
    if (text.endsWith(secret.slice(0, length))) return length;
  }
  return 0;
}

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
 * Very short ones are left: they would stand everywhere, and are no secrets.
 */
export function hideSecrets(text: string, secrets: Secrets): string {
  const hidden = Object.entries(secrets).filter(([, secret]) => secret.length >= 4);
  return hidden.reduce((shown, [name, secret]) => shown.replaceAll(secret, () => `{secret:${name}}`), text);
}

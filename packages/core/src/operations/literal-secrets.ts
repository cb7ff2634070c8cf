import { looksSecret, maskSecrets } from './sensitive-values.js';

/** Props that the kernel reads and in which it puts secrets in the place of references. */
const REFERRING = /^(?:email|webhook|dingtalk|wechat|http)\./;

/** Those of them whose name sounds like a secret and whose value is none. */
const HARMLESS = /\.(?:url|uri|keyword|ssl\.trust|\w+TimeoutMilliseconds)$/;

/**
 * The names of props that hold a secret as it is, although it could be a reference, `{secret:NAME}`: everybody who may read
 * the registry can read it there.
 */
export function literalSecrets(props: Readonly<Record<string, string>>): string[] {
  return Object.keys(props).filter((name) => REFERRING.test(name) && isLiteral(name, props[name] ?? ''));
}

function isLiteral(name: string, value: string): boolean {
  if (value === '' || value.includes('{secret:')) return false;
  return (looksSecret(name) && !HARMLESS.test(name)) || maskSecrets(value) !== value;
}

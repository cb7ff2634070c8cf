import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A certificate and its private key, as PEM texts and as the files that hold them. */
export interface Certificate {
  readonly cert: string;
  /** PKCS#8, not encrypted. Only the owner of the file may read it. */
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** What makes a certificate good or bad for a purpose. */
export interface CertificateOptions {
  /** Names and addresses it is good for. Default `localhost` and `127.0.0.1`. */
  readonly hosts?: readonly string[];
  /** Whether it ran out a day ago. Default `false`: it is good for two days from now. */
  readonly expired?: boolean;
}

/** An authority that exists only in a folder: whoever trusts its certificate trusts what it issues. */
export interface CertificateAuthority extends Certificate {
  /**
   * Makes a key and a certificate for it, for servers and for clients alike.
   *
   * @param name its subject (`CN=name`), and the beginning of the names of its files in the folder of the authority.
   */
  issue(name: string, options?: CertificateOptions): Promise<Certificate>;
}

/**
 * Makes an authority with the command `openssl`, in some milliseconds; its files are in `folder`.
 *
 * @throws Error when `openssl` is not there, or refuses (it shows what was said).
 * @example
 * const authority = await createAuthority(folder);
 * const server = await authority.issue('server', { hosts: ['zk1.example.com'] });
 */
export async function createAuthority(folder: string, name = 'authority'): Promise<CertificateAuthority> {
  const own = await make(folder, name, ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'], {});
  return {
    ...own,
    issue: (subject, options = {}) => make(folder, subject, endEntity(options), { options, signer: own }),
  };
}

/** Makes a certificate that nobody signed but itself. */
export function selfSigned(folder: string, name: string, options: CertificateOptions = {}): Promise<Certificate> {
  return make(folder, name, endEntity(options), { options });
}

function endEntity({ hosts = ['localhost', '127.0.0.1'] }: CertificateOptions): string[] {
  const names = hosts.map((host) => (isIP(host) === 0 ? `DNS:${host}` : `IP:${host}`));
  return ['basicConstraints=critical,CA:FALSE', `subjectAltName=${names.join(',')}`];
}

async function make(
  folder: string,
  name: string,
  extensions: readonly string[],
  { options = {}, signer }: { options?: CertificateOptions; signer?: Certificate },
): Promise<Certificate> {
  if (!/^[\w.-]+$/.test(name)) throw new Error(`a certificate is called '${name}', expected letters, digits, '.', '-'`);
  const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  if (existsSync(certFile))
    throw new Error(`there is a certificate '${name}' in ${folder} already: choose another name`);
  mkdirSync(folder, { recursive: true });
  const request = join(folder, `${name}.csr`);
  const wanted = extensions.flatMap((extension) => ['-addext', extension]);
  await openssl([
    ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`],
    ...['-keyout', keyFile, '-out', request, ...wanted],
  ]);
  const days = options.expired === true ? '-1' : '2';
  await openssl([
    ...['x509', '-req', '-in', request, '-out', certFile, '-days', days, '-copy_extensions', 'copy'],
    ...(signer === undefined ? ['-signkey', keyFile] : ['-CA', signer.certFile, '-CAkey', signer.keyFile]),
  ]);
  rmSync(request);
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), certFile, keyFile };
}

const run = promisify(execFile);

async function openssl(args: readonly string[]): Promise<void> {
  try {
    await run('openssl', args);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new Error(
        'The command openssl (3.0 or later) was not found, and test certificates are made with it: install it.',
      );
    }
    throw new Error(`openssl ${args[0]} failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

import { readFileSync } from 'node:fs';
import type { ElasticJobModuleOptions } from '@elasticjob/nestjs';

/** What the environment has to say; files rather than values, so that no secret is in it. */
export const VARIABLES = {
  ZOOKEEPER: 'the TLS ports of the servers, host:port,host:port',
  ZOOKEEPER_CA: 'the file with the certificate of the authority to trust',
  ZOOKEEPER_CERT: 'the file with the certificate of this process; left out, it shows none',
  ZOOKEEPER_KEY: 'the file with the private key of that certificate',
  ZOOKEEPER_USER: 'the name to log in with',
  ZOOKEEPER_PASSWORD_FILE: 'the file with the password',
} as const;

/** The part to copy: a registry over mutual TLS, with a user. Throws an Error that names a variable that is missing. */
export function registryFromEnvironment(): ElasticJobModuleOptions['registry'] {
  const showsCertificate = process.env.ZOOKEEPER_CERT !== undefined;
  return {
    connectString: value('ZOOKEEPER'),
    namespace: 'payroll',
    tls: {
      ca: file('ZOOKEEPER_CA'),
      ...(showsCertificate ? { cert: file('ZOOKEEPER_CERT'), key: file('ZOOKEEPER_KEY') } : {}),
    },
    sasl: { username: value('ZOOKEEPER_USER'), password: file('ZOOKEEPER_PASSWORD_FILE').trim() },
    // So short that the sample shows soon what happens. In production leave both out: what a pause takes for a crash.
    sessionTimeoutMilliseconds: 4_000,
    connectionTimeoutMilliseconds: 5_000,
  };
}

function value(name: keyof typeof VARIABLES): string {
  const found = process.env[name];
  if (found === undefined || found === '') throw new Error(`${name} is missing in the environment: ${VARIABLES[name]}`);
  return found;
}

function file(name: keyof typeof VARIABLES): string {
  return readFileSync(value(name), 'utf8');
}

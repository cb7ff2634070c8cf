import { describe, expect, it } from 'vitest';
import { MemoryServer } from '../registry/memory-server.js';
import { checkEngineOptions, type EngineOptions } from './engine-options.js';

const zooKeeper = { connectString: 'zk1:2181,zk2:2181', namespace: 'shop' };

const problemsOf = (options: unknown): string => {
  try {
    checkEngineOptions(options as EngineOptions);
    return '';
  } catch (error) {
    return String(error);
  }
};

describe('the options of an engine', () => {
  it.each<[string, unknown]>([
    ['an embedded registry', { registry: 'embedded' }],
    ['a ZooKeeper', { registry: zooKeeper }],
    ['a ZooKeeper with credentials', { registry: { ...zooKeeper, digest: 'user:pass:word' } }],
    [
      'servers by address, and a path',
      { registry: { ...zooKeeper, connectString: '10.0.0.1:2181,[::1]:2181/apps/eu' } },
    ],
    ['the other client library', { registry: { ...zooKeeper, client: 'native' } }],
    ['an encrypted connection', { registry: { ...zooKeeper, tls: true } }],
    ['a choice of ciphers', { registry: { ...zooKeeper, tls: { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' } } }],
    ['certificates', { registry: { ...zooKeeper, tls: { ca: ['PEM'], cert: Buffer.from('PEM'), key: 'PEM' } } }],
    ['a user', { registry: { ...zooKeeper, sasl: { username: 'shop', password: 'secret' } } }],
    ['a namespace of several levels', { registry: { ...zooKeeper, namespace: 'teams/shop' } }],
    ['a registry of the application', { registry: new MemoryServer().registry({ namespace: 'mine' }) }],
    ['patience', { registry: 'embedded', drainTimeoutMs: 0, abortGraceMs: 1, handoverTimeoutMs: 2 }],
    ['labels', { registry: 'embedded', labels: { weight: '3', zone: 'eu-west.1', draining: 'no' } }],
    ['secrets', { registry: 'embedded', secrets: { 'MAIL_PASSWORD.2': 'x' } }],
    ['a port for dumps', { registry: 'embedded', dumpPort: 9888, dumpHost: '0.0.0.0' }],
    ['no labels', { registry: 'embedded', labels: {} }],
    ['a limit of notifications', { registry: 'embedded', notificationsPerHour: 60 }],
    ['no limit of notifications', { registry: 'embedded', notificationsPerHour: Number.POSITIVE_INFINITY }],
  ])('may be %s', (_, options) => expect(problemsOf(options)).toBe(''));

  it.each<[string, unknown, RegExp]>([
    ['no registry', {}, /registry: seen nothing, expected 'embedded'/],
    ['another word', { registry: 'embeded' }, /registry: seen 'embeded', expected 'embedded'/],
    ['no servers', { registry: { namespace: 'shop' } }, /registry\.connectString: expected the servers/],
    [
      'servers without a port',
      { registry: { ...zooKeeper, connectString: 'zk1' } },
      /registry\.connectString: expected host:port/,
    ],
    [
      'servers with a path in the middle',
      { registry: { ...zooKeeper, connectString: 'zk1:2181/apps,zk2:2181' } },
      /registry\.connectString: expected host:port/,
    ],
    ['no namespace', { registry: { connectString: 'zk1:2181' } }, /registry\.namespace: expected a path/],
    ['a namespace with an empty level', { registry: { ...zooKeeper, namespace: 'a//b' } }, /registry\.namespace:/],
    ['a misspelt option', { registry: 'embedded', abortGraceMS: 1 }, /abortGraceMS: .*did you mean abortGraceMs\?/],
    [
      'no notification at all',
      { registry: 'embedded', notificationsPerHour: 0 },
      /notificationsPerHour: expected 1 or more, or Infinity/,
    ],
    ["Java's name", { registry: { ...zooKeeper, serverLists: 'x' } }, /serverLists: .*did you mean connectString\?/],
    [
      'an unknown client library',
      { registry: { ...zooKeeper, client: 'java' } },
      /client: expected 'wire' or 'native'/,
    ],
    [
      'an encrypted connection with a library that cannot',
      { registry: { ...zooKeeper, client: 'native', tls: true, sasl: { username: 'a', password: 'b' } } },
      /registry\.tls: the client 'native' cannot.*registry\.sasl: the client 'native' cannot/s,
    ],
    ['a certificate as a number', { registry: { ...zooKeeper, tls: { ca: 1 } } }, /registry\.tls: expected true, or/],
    [
      'a misspelt part of an option',
      { registry: { ...zooKeeper, sasl: { username: 'shop', password: 'x', passwrd: 'x' } } },
      /registry\.sasl\.passwrd: there is no such option/,
    ],
    ['a user without a name', { registry: { ...zooKeeper, sasl: { password: 'x' } } }, /registry\.sasl\.username: /],
    ['sinks that are no list', { registry: 'embedded', traceSinks: {} }, /traceSinks: expected a list/],
    [
      'a negative timeout',
      { registry: { ...zooKeeper, sessionTimeoutMilliseconds: -1 } },
      /sessionTimeoutMilliseconds: expected/,
    ],
    [
      "Java's zeros for its defaults",
      { registry: { ...zooKeeper, sessionTimeoutMilliseconds: 0, connectionTimeoutMilliseconds: 0 } },
      /sessionTimeoutMilliseconds: expected 1 or more; leave it out.*connectionTimeoutMilliseconds: expected 1 or more/s,
    ],
    ['port 0', { registry: { ...zooKeeper, connectString: 'zk1:2181,zk2:0' } }, /connectString: expected host:port/],
    [
      'a port too high',
      { registry: { ...zooKeeper, connectString: 'zk1:65536' } },
      /connectString: expected host:port/,
    ],
    ['labels as a text', { registry: 'embedded', labels: 'weight=3' }, /labels: expected texts by name/],
    [
      'a weight as a number',
      { registry: 'embedded', labels: { weight: 3 } },
      /labels\.weight: expected a text, such as '3'/,
    ],
    [
      'a weight in words',
      { registry: 'embedded', labels: { weight: 'heavy' } },
      /labels\.weight: expected a whole number/,
    ],
    ['a weight below 0', { registry: 'embedded', labels: { weight: '-1' } }, /labels\.weight: expected/],
    [
      'a label that another would begin in',
      { registry: 'embedded', labels: { zone: 'a,b=c' } },
      /labels\.zone: expected 1/,
    ],
    ['a label of several lines', { registry: 'embedded', labels: { zone: 'a\nb' } }, /labels\.zone: expected 1/],
    ['a label without a value', { registry: 'embedded', labels: { zone: '' } }, /labels\.zone: expected 1/],
    [
      'a label with a blank in its name',
      { registry: 'embedded', labels: { 'my zone': 'a' } },
      /labels\.my zone: expected 1/,
    ],
    [
      'a secret that the environment does not have',
      { registry: 'embedded', secrets: { TOKEN: undefined } },
      /secrets\.TOKEN: expected texts by name; is a variable of the environment not set\?/,
    ],
    ['a secret without a text', { registry: 'embedded', secrets: { TOKEN: '' } }, /secrets\.TOKEN: expected texts/],
    ['a secret with a brace in its name', { registry: 'embedded', secrets: { 'a}': 'x' } }, /secrets\.a}: .*name/],
    ['a port that there is not', { registry: 'embedded', dumpPort: 65_536 }, /dumpPort: expected a port, 0 to 65535/],
    ['a drain timeout in words', { registry: 'embedded', drainTimeoutMs: '20s' }, /drainTimeoutMs: expected a number/],
  ])('cannot be %s', (_, options, problem) => expect(problemsOf(options)).toMatch(problem));

  it('are reported with all their problems at once', () => {
    const problems = problemsOf({ registry: { connectString: '', namespace: '' }, drainTimeoutMs: 1.5 });
    expect(problems.split('\n')).toHaveLength(4);
  });

  it('never lead to an error that repeats a password', () => {
    const problems = problemsOf({ registry: { ...zooKeeper, digest: 'secret-without-user' } });
    expect(problems).toMatch(/registry\.digest: expected user:password/);
    expect(problems).not.toContain('secret');
    const sasl = problemsOf({ registry: { ...zooKeeper, sasl: { user: 'shop', password: { secret: 1 } } } });
    expect(sasl).toMatch(/registry\.sasl/);
    expect(sasl).not.toContain('secret');
  });
});

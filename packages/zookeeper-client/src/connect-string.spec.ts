import { describe, expect, it } from 'vitest';
import { parseConnectString } from './connect-string.js';
import { ZooKeeperError } from './errors.js';

const server = (host: string, port = 2181): { host: string; port: number } => ({ host, port });

describe('a connect string', () => {
  it.each([
    ['zk', [server('zk')], ''],
    ['zk:2182', [server('zk', 2182)], ''],
    ['zk1:1,zk2:2 , zk3', [server('zk1', 1), server('zk2', 2), server('zk3')], ''],
    ['127.0.0.1:2181/', [server('127.0.0.1')], ''],
    ['zk1,zk2/a/b c', [server('zk1'), server('zk2')], '/a/b c'],
    ['[::1]:2182,[fe80::1%eth0]', [server('::1', 2182), server('fe80::1%eth0')], ''],
    ['zk,', [server('zk')], ''],
  ])('is read: %s', (text, servers, chroot) => {
    expect(parseConnectString(text)).toEqual({ servers, chroot });
  });

  it.each(['', ',', '/a', ':2181', 'zk:', 'zk:0', 'zk:65536', 'zk:x', '::1:2181', 'zk/a/', 'zk//', 'zk/a/../b', 'z k'])(
    'is refused, with what is expected: "%s"',
    (text) => {
      const attempt = (): unknown => parseConnectString(text);
      expect(attempt).toThrow(ZooKeeperError);
      expect(attempt).toThrow(/^connectString ".*": seen .*expected host:port/);
    },
  );
});

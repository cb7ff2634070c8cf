import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { chooseAddress, instanceIdentity, serverIpOf } from './identity.js';

const address = (text: string, internal = false): NetworkInterfaceInfo =>
  ({
    address: text,
    family: text.includes(':') ? 'IPv6' : 'IPv4',
    internal,
    netmask: '',
    mac: '',
    cidr: null,
    ...(text.includes(':') ? { scopeid: 0 } : {}),
  }) as NetworkInterfaceInfo;

describe('the address to be known by', () => {
  const machine = {
    lo: [address('127.0.0.1', true)],
    docker0: [address('172.17.0.1')],
    eth0: [address('fe80::1'), address('10.1.0.5')],
    eth1: [address('192.168.7.5')],
  };

  it('is that of the last interface with an acceptable one, as ElasticJob chooses', () =>
    expect(chooseAddress(machine)).toBe('192.168.7.5'));

  it('is that of the preferred interface, and never IPv6', () =>
    expect(chooseAddress(machine, { preferredNetworkInterface: 'eth0' })).toBe('10.1.0.5'));

  it('begins as preferred', () => expect(chooseAddress(machine, { preferredNetworkIp: '172.' })).toBe('172.17.0.1'));

  it('is that of another interface when the preferred one does not exist', () =>
    expect(chooseAddress(machine, { preferredNetworkInterface: 'eth9' })).toBe('192.168.7.5'));

  it('is loopback on a machine that has nothing else', () =>
    expect(chooseAddress({ lo: machine.lo })).toBe('127.0.0.1'));

  it('is an error that lists what there is when none begins as preferred', () =>
    expect(() => chooseAddress(machine, { preferredNetworkIp: '10.9.' })).toThrow(
      /'10\.9\.'.*172\.17\.0\.1.*10\.1\.0\.5/,
    ));
});

describe('the identity of an instance', () => {
  it('is its address, its process, and something that no other process has', () => {
    const [one, other] = [instanceIdentity({ serverIp: '10.0.0.1' }), instanceIdentity({ serverIp: '10.0.0.1' })];
    expect(one.instanceId).toMatch(new RegExp(`^10\\.0\\.0\\.1@-@${process.pid}-[0-9a-f]{8}$`));
    expect(other.instanceId).not.toBe(one.instanceId);
    expect(one.serverIp).toBe('10.0.0.1');
  });

  it('can be given', () =>
    expect(instanceIdentity({ instanceId: '10.0.0.7@-@worker-1' })).toEqual({
      instanceId: '10.0.0.7@-@worker-1',
      serverIp: '10.0.0.7',
      labels: {},
    }));

  it.each(['worker-1', '@-@worker', '10.0.0.7@-@', '10.0.0.7@-@a@-@b', '10.0.0.7@-@a/b'])(
    'cannot be %j, which Java could not read',
    (instanceId) => expect(() => instanceIdentity({ instanceId })).toThrow(/expected \{ip\}@-@\{suffix\}/),
  );

  it('tells its server to whoever has only the id', () => {
    expect(serverIpOf('10.0.0.7@-@4711')).toBe('10.0.0.7');
    expect(serverIpOf('strange')).toBe('strange');
  });
});

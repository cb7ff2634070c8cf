import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeJobConfig } from '../coordination/job-yaml.js';
import { defineJob } from '../job/define-job.js';
import { looksSecret, maskAddresses, maskProps, maskSecrets } from './sensitive-values.js';

const definition = defineJob({ name: 'invoice', shardingTotalCount: 1, cron: '0 0 3 * * ?' });

const secretName = fc.constantFrom(
  'email.password',
  'dingtalk.webhook',
  'dingtalk.secret',
  'API_KEY',
  'apiToken',
  'db-passwd',
);
/** Recognisable wherever it turns up, in whole or in part. */
const secret = fc
  .tuple(fc.string({ unit: 'binary' }), fc.constantFrom('\n', ' ', ': ', "'", '"', '#', ',', '', '\n\n  ', '|-'))
  .map(([text, between]) => `qzqzq${between}xkxkx${between}${text}`);

const leaks = (text: string): boolean => /qzqzq|xkxkx/.test(text);

describe('hiding what looks secret', () => {
  it('hides a secret in a stored definition, however YAML has to write it', () =>
    fc.assert(
      fc.property(secretName, secret, fc.string(), (name, value, other) => {
        const text = encodeJobConfig({ ...definition, props: { region: other, [name]: value } });
        expect(leaks(maskSecrets(text))).toBe(false);
      }),
      { numRuns: 500 },
    ));

  it('hides a secret in JSON, in one line or in several', () =>
    fc.assert(
      fc.property(secretName, secret, fc.constantFrom(0, 2), (name, value, indent) => {
        const text = JSON.stringify({ jobName: 'x', nested: { [name]: value, last: 1 } }, null, indent);
        expect(leaks(maskSecrets(text))).toBe(false);
      }),
      { numRuns: 300 },
    ));

  it('hides a secret in JSON that is a value of YAML or JSON, however deep', () =>
    fc.assert(
      fc.property(secretName, secret, fc.integer({ min: 1, max: 3 }), fc.boolean(), (name, value, depth, isYaml) => {
        let text = JSON.stringify({ [name]: value, last: 1 });
        for (let level = 1; level < depth; level++) text = JSON.stringify({ jobParameter: text });
        const stored = isYaml ? encodeJobConfig({ ...definition, jobParameter: text }) : JSON.stringify([text]);
        const shown = maskSecrets(stored);
        expect(leaks(shown)).toBe(false);
        expect(maskSecrets(shown)).toBe(shown);
      }),
      { numRuns: 300 },
    ));

  it('hides an option of a command line, however long the line is and wherever YAML folds it', () =>
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { maxLength: 40 }), fc.nat(40), (words, at) => {
        const line = [...words.slice(0, at), '--password', 'qzqzq', ...words.slice(at)].join(' ');
        const text = encodeJobConfig({ ...definition, props: { 'script.command.line': line } });
        expect(leaks(maskSecrets(text))).toBe(false);
      }),
    ));

  it('hides what it hid again, and nothing else', () =>
    fc.assert(
      fc.property(secretName, secret, (name, value) => {
        const once = maskSecrets(encodeJobConfig({ ...definition, props: { [name]: value } }));
        expect(maskSecrets(once)).toBe(once);
      }),
    ));

  it('leaves a text without such names as it is', () =>
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!looksSecret(text) && !/:\/\/|bearer|basic|--/i.test(text));
        expect(maskSecrets(text)).toBe(text);
      }),
    ));

  it('keeps the names of props and hides the values of those that look secret', () =>
    fc.assert(
      fc.property(secretName, secret, (name, value) => {
        expect(maskProps({ [name]: value, region: 'eu' })).toEqual({ [name]: '***', region: 'eu' });
      }),
    ));
});

describe('hiding addresses', () => {
  const octet = fc.nat(255);
  const address = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));

  it('replaces every address, and equal ones by the same word', () =>
    fc.assert(
      fc.property(fc.array(address, { minLength: 1 }), (addresses) => {
        const words = maskAddresses(addresses.join(' ')).split(' ');
        const distinct = [...new Set(addresses)];
        expect(words).toEqual(addresses.map((each) => `ip${distinct.indexOf(each) + 1}`));
      }),
    ));
});

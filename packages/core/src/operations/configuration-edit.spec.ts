import { describe, expect, it } from 'vitest';
import { decodeJobConfig } from '../coordination/job-yaml.js';
import { type EditBase, editConfiguration } from './configuration-edit.js';

const NOW = Date.UTC(2027, 0, 1);

function stored(lines: string): EditBase {
  const decoded = decodeJobConfig(`jobName: invoice\nshardingTotalCount: 3\nmonitorExecution: true\n${lines}`);
  if (!decoded.readable) throw new Error(decoded.problem);
  return decoded;
}

const JAVA = [
  'jobExtraConfigurations:',
  '- !!org.apache.shardingsphere.elasticjob.kernel.tracing.yaml.YamlTracingConfiguration',
  '  type: RDB',
  '',
].join('\n');

describe('a stored definition that is changed', () => {
  it('keeps what Java stored of its own, and what is not changed', () => {
    const { text } = editConfiguration(
      stored(`cron: 0 0 3 * * ?\njobParameter: x\n${JAVA}`),
      { cron: '0 0 4 * * ?' },
      NOW,
    );
    expect(text).toContain(JAVA);
    expect(text).toContain('cron: 0 0 4 * * ?\n');
    expect(text).toContain('jobParameter: x\n');
  });

  it('keeps props of ours that this version does not know', () => {
    const base = stored("props:\n  elasticjob.ts.tomorrow: '1'\n  region: eu\n");
    expect(editConfiguration(base, { props: { region: 'us' } }, NOW).definition.props).toEqual({
      'elasticjob.ts.tomorrow': '1',
      region: 'us',
    });
    expect(() => editConfiguration(base, { props: { 'elasticjob.ts.tomorrow': '2' } }, NOW)).toThrow(/reserved/);
  });

  it('is checked as a whole', () =>
    expect(() => editConfiguration(stored(''), { cron: '61 * * * * ?', shardingTotalCount: 0 }, NOW)).toThrow(
      /^2 problems:\njobs\.invoice\.shardingTotalCount: seen 0, .*\njobs\.invoice\.cron: seen '61 /,
    ));

  it('loses an option that is given as null', () =>
    expect(editConfiguration(stored('cron: 0 0 3 * * ?\n'), { cron: null }, NOW).definition.cron).toBeNull());

  it('keeps a secret that comes back as it was shown, and takes a new one', () => {
    const base = stored('props:\n  email.password: hunter2\n  command: backup --token=abc\n');
    const shown = { 'email.password': '***', command: 'backup --token=***' };
    expect(editConfiguration(base, { props: shown }, NOW).definition.props).toEqual({
      'email.password': 'hunter2',
      command: 'backup --token=abc',
    });
    const changed = { ...shown, 'email.password': 'hunter3' };
    expect(editConfiguration(base, { props: changed }, NOW).definition.props).toMatchObject({
      'email.password': 'hunter3',
    });
  });
  it('refuses a text that was changed around a secret that was hidden, since the mask would be stored', () => {
    const base = stored('props:\n  command: backup --token=abc --to x\n');
    const changed = (command: string) => () => editConfiguration(base, { props: { command } }, NOW);
    expect(changed('backup --token=*** --to y')).toThrow(/props\.command: seen \*\*\*.*expected the whole text/);
    expect(changed('backup --token=new --to y')().definition.props).toEqual({ command: 'backup --token=new --to y' });
  });
});

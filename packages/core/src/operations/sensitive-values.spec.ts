import { describe, expect, it } from 'vitest';
import { looksSecret, maskAddresses, maskProps, maskSecrets } from './sensitive-values.js';

describe('what looks secret', () => {
  it.each(['password', 'email.password', 'dingtalk.secret', 'wechat.webhook', 'accessToken', 'API-KEY', 'db_passwd'])(
    'is %s',
    (name) => expect(looksSecret(name)).toBe(true),
  );

  it.each(['cron', 'email.username', 'streaming.process', 'http.uri', 'author', 'compass'])('is not %s', (name) =>
    expect(looksSecret(name)).toBe(false),
  );
});

describe('a text with secrets', () => {
  it.each<[string, string, string]>([
    [
      "Java's data source",
      [
        'jobExtraConfigurations:',
        '- !!org.apache.shardingsphere.elasticjob.kernel.tracing.yaml.YamlTracingConfiguration',
        '  tracingStorageConfiguration: !!org.apache.shardingsphere.elasticjob.tracing.rdb.yaml.YamlDataSourceConfiguration',
        '    props:',
        '      jdbcUrl: jdbc:mysql://root:hunter2@10.0.0.1:3306/trace?password=hunter2&useSSL=true',
        '      password: hunter2',
        '  type: RDB',
        '',
      ].join('\n'),
      [
        'jobExtraConfigurations:',
        '- !!org.apache.shardingsphere.elasticjob.kernel.tracing.yaml.YamlTracingConfiguration',
        '  tracingStorageConfiguration: !!org.apache.shardingsphere.elasticjob.tracing.rdb.yaml.YamlDataSourceConfiguration',
        '    props:',
        '      jdbcUrl: jdbc:mysql://***@10.0.0.1:3306/trace?password=***&useSSL=true',
        '      password: ***',
        '  type: RDB',
        '',
      ].join('\n'),
    ],
    ['a list', 'tokens:\n- a\n- b\nnext: 1\n', 'tokens:\n***\nnext: 1\n'],
    ['a block of lines', 'private_key: |-\n  one\n  two\nnext: 1\n', 'private_key: ***\nnext: 1\n'],
    ['flow style', '{password: hunter2, next: 1}', '{password: ***, next: 1}'],
    ['a command line', 'backup --password hunter2 --to x', 'backup --password *** --to x'],
    ['a command line with an equals sign', 'backup --token=hunter2 --to x', 'backup --token=*** --to x'],
    ['a header', 'http.header: Authorization Bearer abc.def', 'http.header: Authorization Bearer ***'],
    [
      'a header in a command line',
      `run: "curl -H 'Authorization: Bearer abc.def' -k x"`,
      `run: "curl -H 'Authorization: ***' -k x"`,
    ],
    [
      'a header with another scheme',
      JSON.stringify({ run: "curl -H 'authorization: AWS4 Credential=a, Signature=b' x" }),
      JSON.stringify({ run: "curl -H 'authorization: ***' x" }),
    ],
    [
      'cookies',
      JSON.stringify({ run: 'curl -H "Cookie: a=1; b=hunter2" x' }),
      JSON.stringify({ run: 'curl -H "Cookie: ***" x' }),
    ],
    ['a header among values', '{authorization: Bearer abc, next: 1}', '{authorization: ***, next: 1}'],
    [
      'JSON in JSON',
      JSON.stringify({ parameter: '{"password":"hunter2"}', next: 1 }),
      JSON.stringify({ parameter: '{"password":***}', next: 1 }),
    ],
    [
      'JSON in JSON in words',
      JSON.stringify({ m: 'said {\\"token\\":\\"hunter2\\"} twice' }),
      JSON.stringify({ m: 'said {\\"token\\":***' }),
    ],
    ['JSON in a value of YAML', 'x: \'{"token": "hunter2"}\'\ny: 1\n', 'x: "{\\"token\\": ***}"\ny: 1\n'],
    ['a folded command line', 'run: backup --password\n  hunter2 --to x\n', 'run: "backup --password *** --to x"\n'],
    [
      'a folded header without a name',
      'run: send it with Bearer\n  abc.def now\n',
      'run: "send it with Bearer *** now"\n',
    ],
    ['an address with a user', 'see http://ann:hunter2@host/x', 'see http://***@host/x'],
    ['an empty secret', "password: ''\n", "password: ''\n"],
    ['a class that is named so', 'com.example.PasswordResetJob', 'com.example.PasswordResetJob'],
    ['no structure', 'password: [hunter2', '*** (18 characters that cannot be read)'],
    ['an alias', 'x: &p hunter2\npassword: *p\n', '*** (27 characters that cannot be read)'],
  ])('of %s is shown without them', (_, text, shown) => expect(maskSecrets(text)).toBe(shown));

  it('is a prop of the job', () =>
    expect(
      maskProps({ 'email.password': 'hunter2', 'email.host': 'mail', token: '', 'api.token': '{secret:API_TOKEN}' }),
    ).toEqual({ 'email.password': '***', 'email.host': 'mail', token: '', 'api.token': '{secret:API_TOKEN}' }));

  it('takes no long time to look through, however it is made', () => {
    // What grows with the square of the length would take longer than any test may.
    expect(maskSecrets(`password${'a'.repeat(900_000)}`)).toHaveLength(900_008);
    expect(maskSecrets('token '.repeat(150_000))).toHaveLength(900_000);
    for (const piece of [
      'cookie',
      'token',
      '-token',
      '--password ',
      'token\\',
      'authorization: ',
      'a: |\n token: x\n',
    ]) {
      expect(maskSecrets(piece.repeat(300_000 / piece.length)).length).toBeGreaterThan(0);
    }
  });
});

describe('addresses', () => {
  it.each<[string, string]>([
    ['10.0.0.1 10.0.0.10 10.0.0.1', 'ip1 ip2 ip1'],
    ['10.0.0.1@-@7', 'ip1@-@7'],
    ['256.0.0.1 and 1.2.3', '256.0.0.1 and 1.2.3'],
    ['It is 10.0.0.1.', 'It is ip1.'],
    ['010.0.0.1', '010.0.0.1'],
  ])('in %j', (text, shown) => expect(maskAddresses(text)).toBe(shown));

  it('keep their words from one text to the next', () => {
    const known = new Map<string, string>();
    expect(['10.0.0.2', '10.0.0.1', '10.0.0.2'].map((text) => maskAddresses(text, known))).toEqual([
      'ip1',
      'ip2',
      'ip1',
    ]);
  });
});

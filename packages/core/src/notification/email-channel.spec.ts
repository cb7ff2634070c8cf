import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterEach, describe, expect, it } from 'vitest';
import { closeServers, listen } from '../execution/http-harness.contract.js';
import { StoppedError } from '../foundation/abort.js';
import { deferred } from '../foundation/deferred.js';
import { writeLogger } from '../foundation/logger.js';
import { NOTICE, never, openChannel } from './channel-harness.contract.js';
import { emailChannel } from './email-channel.js';
import { loadMailPackage } from './mail-package.js';

const PASSWORD = 'p4ssword';

interface Mail {
  readonly user: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly encrypted: boolean;
  readonly source: string;
}

/** A mail server that takes one user, with a certificate that nobody signed; gives its port and the mails it has taken. */
async function mailServer(options: SMTPServerOptions = {}): Promise<{ port: string; mails: Mail[] }> {
  const mails: Mail[] = [];
  const smtp = new SMTPServer({
    // Else it warns that its certificate is good for tests only.
    logger: false,
    onAuth: ({ username, password }, _session, done) =>
      password === PASSWORD ? done(null, { user: username ?? '' }) : done(new Error('wrong password')),
    onData: (stream, { envelope, user, secure }, done) => {
      const keep = (source: string): void => {
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        const to = envelope.rcptTo.map(({ address }) => address);
        mails.push({ user: String(user), from, to, encrypted: secure, source });
      };
      text(stream)
        .then(keep)
        .then(() => done(), done);
    },
    ...options,
  });
  smtp.on('error', () => undefined);
  return { port: String(await listen(smtp.server)), mails };
}

function settings(port: string, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return {
    'email.host': '127.0.0.1',
    'email.port': port,
    'email.username': 'robot',
    'email.password': PASSWORD,
    'email.useSsl': 'false',
    'email.ssl.trust': '*',
    'email.from': 'robot@example.com',
    'email.to': 'ops@example.com, oncall@example.com',
    ...more,
  };
}

afterEach(closeServers);

describe('EMAIL', () => {
  it('mails what failed to everybody named, as the user of the job', async () => {
    const { port, mails } = await mailServer();
    const props = settings(port, { 'email.cc': 'boss@example.com', 'email.bcc': 'audit@example.com' });
    await openChannel(emailChannel, props)(NOTICE, never());
    expect(mails).toMatchObject([
      {
        user: 'robot',
        from: 'robot@example.com',
        to: ['ops@example.com', 'oncall@example.com', 'boss@example.com', 'audit@example.com'],
        encrypted: true,
      },
    ]);
    const source = mails[0]?.source ?? '';
    expect(source).toContain('Subject: ElasticJob error message');
    expect(source).toContain("Job 'invoice' failed: item 2, on 10.0.0.1@-@7, at 2027-01-02T03:04:05.000Z");
    expect(source).toContain('at print (printer.js:1:1)');
    expect(source).not.toContain('audit@example.com');
  });

  it('keeps a subject within its line, whatever it holds', async () => {
    const { port, mails } = await mailServer();
    const props = settings(port, { 'email.subject': 'Invoices\r\nX-Evil: yes' });
    await openChannel(emailChannel, props)(NOTICE, never());
    expect(mails[0]?.source).not.toMatch(/^X-Evil/m);
  });

  it('encrypts the whole connection by default', async () => {
    const { port, mails } = await mailServer({ secure: true });
    const { 'email.useSsl': _, ...props } = settings(port);
    await openChannel(emailChannel, props)(NOTICE, never());
    expect(mails).toMatchObject([{ encrypted: true }]);
  });

  it.each(['', 'mail.example.com'])('does not trust a certificate that nobody signed, trusting "%s"', async (trust) => {
    const { port, mails } = await mailServer({ secure: true });
    const props = settings(port, { 'email.useSsl': 'true', 'email.ssl.trust': trust });
    await expect(openChannel(emailChannel, props)(NOTICE, never())).rejects.toThrow(/certificate/);
    expect(mails).toEqual([]);
  });

  it('has settings for each job, unlike Java', async () => {
    const [first, second] = [await mailServer(), await mailServer()];
    const sendFirst = openChannel(emailChannel, settings(first.port));
    const sendSecond = openChannel(emailChannel, settings(second.port, { 'email.from': 'other@example.com' }));
    await Promise.all([sendFirst(NOTICE, never()), sendSecond(NOTICE, never())]);
    expect(first.mails.map(({ from }) => from)).toEqual(['robot@example.com']);
    expect(second.mails.map(({ from }) => from)).toEqual(['other@example.com']);
  });

  it('fails with a wrong password, and never says it', async () => {
    const { port } = await mailServer();
    const lines: string[] = [];
    const logger = writeLogger((line) => lines.push(line), 'debug');
    const props = settings(port, { 'email.password': '{secret:MAIL}', 'email.debug': 'true' });
    const send = openChannel(emailChannel, props, { secrets: { MAIL: 'wr0ng-one' }, logger });
    const error: unknown = await send(NOTICE, never()).catch((reason: unknown) => reason);
    expect(String(error)).toContain('wrong password');
    expect(lines.join('\n')).toContain('EHLO');
    const encoded = ['wr0ng-one', '\0robot\0wr0ng-one'].map((secret) => Buffer.from(secret).toString('base64'));
    for (const secret of ['wr0ng-one', ...encoded]) expect(`${error}${lines.join()}`).not.toContain(secret);
  });

  it('says whom the server refused, if it took the mail for the others', async () => {
    const { port, mails } = await mailServer({
      onRcptTo: ({ address }, _session, done) => done(address.startsWith('oncall') ? new Error('nobody') : null),
    });
    const sent = openChannel(emailChannel, settings(port))(NOTICE, never());
    await expect(sent).rejects.toThrow('the mail server refused oncall@example.com');
    expect(mails).toHaveLength(1);
  });

  it('fails when nobody is there', async () => {
    const { port } = await mailServer();
    await closeServers();
    await expect(openChannel(emailChannel, settings(port))(NOTICE, never())).rejects.toThrow('ECONNREFUSED');
  });

  it('lets go of a server that never greets as soon as it is told to, closing the connection', async () => {
    const [connected, closed] = [deferred(), deferred()];
    const silent = createServer((socket) => {
      socket
        .on('error', () => undefined)
        .on('close', () => closed.resolve())
        .resume();
      connected.resolve();
    });
    const port = String(await listen(silent));
    const abort = new AbortController();
    const sent = openChannel(emailChannel, settings(port))(NOTICE, abort.signal);
    sent.catch(() => undefined);
    await connected.promise;
    abort.abort(new StoppedError('enough'));
    await expect(sent).rejects.toThrow();
    await closed.promise;
  });
});

describe('the props of EMAIL', () => {
  it('are refused with everything that is wrong, each by its name', () => {
    const props = { 'email.port': 'smtp', 'email.useSsl': 'yes', 'email.password': '{secret:MAIL}' };
    expect(() => openChannel(emailChannel, props)).toThrow(
      [
        '7 problems:',
        'jobs.invoice.props.email.host: seen nothing, expected the name of the mail server',
        "jobs.invoice.props.email.port: seen 'smtp', expected a port, a whole number from 1 to 65535",
        "jobs.invoice.props.email.useSsl: seen 'yes', expected 'true' or 'false'",
        'jobs.invoice.props.email.username: seen nothing, expected the user to log in as',
        "jobs.invoice.props.email.password: seen '{secret:MAIL}', expected the name of one of the engine's secrets (there are: none); add it to the option secrets",
        'jobs.invoice.props.email.from: seen nothing, expected the address of the sender',
        'jobs.invoice.props.email.to: seen nothing, expected addresses, with commas between them',
      ].join('\n'),
    );
  });

  it('need the package that sends mail, and say how to install it', () => {
    const missing = (): unknown => {
      throw new Error("Cannot find module 'nodemailer'\nRequire stack: …");
    };
    const load = () => loadMailPackage('invoice', missing);
    expect(load).toThrow(
      "job 'invoice' has the error handler EMAIL, for which the package 'nodemailer' cannot be loaded (Cannot find module 'nodemailer'): run 'npm install nodemailer@10'",
    );
    expect(load).toThrow(expect.objectContaining({ code: 'MISSING_PACKAGE', jobName: 'invoice' }));
  });
});

import { format } from 'node:util';
import type { PropReader } from '../execution/prop-reader.js';
import type { Logger } from '../foundation/logger.js';
import { loadMailPackage } from './mail-package.js';
import { noticeText } from './notice.js';
import type { Channel } from './notifying-handler.js';

/** Each step of talking to a mail server may take so long, milliseconds. */
const STEP_TIMEOUT_MS = 10_000;

/** How one job sends its mails. */
interface MailSettings {
  /** For `createTransport` of nodemailer. */
  readonly transport: object;
  /** The fields that are the same in each mail. */
  readonly mail: object;
}

/**
 * EMAIL: mails each failure, in plain text. Every job has its own settings and every mail its own connection; in Java the
 * first job's settings held for all.
 *
 * Props, as in ElasticJob: `email.host`, `email.port`, `email.username`, `email.password`, `email.from`, `email.to`
 * (required), `email.cc`, `email.bcc` (lists with commas), `email.subject` (`ElasticJob error message`), `email.useSsl`
 * (`true`; with `false` the connection is encrypted if the server offers it), `email.ssl.trust` (hosts, or `*`, whose
 * certificates are not checked), `email.debug` (`true`: the conversation goes to the log at level debug, without the
 * password).
 */
export const emailChannel: Channel = {
  type: 'EMAIL',
  open(props, { logger }) {
    const { transport, mail } = readSettings(props, logger);
    const transporter = loadMailPackage(props.jobName).createTransport(transport);
    return async (notice, signal) => {
      const { rejected } = await transporter.sendMail({ ...mail, text: noticeText(notice), signal });
      if (rejected.length > 0) throw new Error(`the mail server refused ${rejected.map(String).join(', ')}`);
    };
  },
};

function readSettings(props: PropReader, logger: Logger): MailSettings {
  const host = props.required('email.host', 'the name of the mail server');
  const transport = {
    host,
    port: props.port('email.port'),
    secure: props.flag('email.useSsl', true),
    auth: {
      user: props.required('email.username', 'the user to log in as'),
      pass: props.required('email.password', 'the password, best as {secret:NAME}'),
    },
    tls: { rejectUnauthorized: !trusts(props.text('email.ssl.trust'), host) },
    connectionTimeout: STEP_TIMEOUT_MS,
    greetingTimeout: STEP_TIMEOUT_MS,
    socketTimeout: STEP_TIMEOUT_MS,
    // Nothing in a mail is to be read from files or fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(props.flag('email.debug', false) ? { debug: true, logger: conversationLogger(logger) } : {}),
  };
  const mail = {
    from: props.required('email.from', 'the address of the sender'),
    to: props.required('email.to', 'addresses, with commas between them'),
    cc: props.text('email.cc'),
    bcc: props.text('email.bcc'),
    subject: props.text('email.subject') || 'ElasticJob error message',
  };
  return { transport, mail };
}

/** As in JavaMail: a list of hosts with blanks or commas between them, or a star. */
function trusts(trusted: string, host: string): boolean {
  return trusted.split(/[\s,]+/).some((entry) => entry === '*' || entry === host);
}

/** What nodemailer calls to log; it has blanked out the password before. */
function conversationLogger(logger: Logger): object {
  const write = (_entry: unknown, text: unknown, ...values: unknown[]): void =>
    logger.debug('mail conversation', { line: format(text, ...values) });
  return { trace: write, debug: write, info: write, warn: write, error: write, fatal: write };
}

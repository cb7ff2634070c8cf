import { createRequire } from 'node:module';
import { ConfigurationError, messageOf } from '../foundation/errors.js';

/** What we use of the package `nodemailer`. */
export interface MailPackage {
  createTransport(options: object): {
    /** Rejects if nobody accepted the mail; `signal`, among the fields of the mail, closes the connection. */
    sendMail(mail: object): Promise<{ readonly rejected: readonly unknown[] }>;
  };
}

/**
 * Loads `nodemailer`, which only applications whose jobs send mail have to install.
 *
 * @throws ConfigurationError `MISSING_PACKAGE` when it is not there.
 */
export function loadMailPackage(jobName: string, load: () => unknown = requirePackage): MailPackage {
  try {
    return load() as MailPackage;
  } catch (error) {
    const [why = ''] = messageOf(error).split('\n', 1);
    throw new ConfigurationError(
      'MISSING_PACKAGE',
      `job '${jobName}' has the error handler EMAIL, for which the package 'nodemailer' cannot be loaded (${why}): ` +
        "run 'npm install nodemailer@10', or choose another jobErrorHandlerType",
      { jobName, path: 'jobErrorHandlerType', cause: error },
    );
  }
}

function requirePackage(): unknown {
  return createRequire(import.meta.url)('nodemailer');
}

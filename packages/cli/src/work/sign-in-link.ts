import type { Work } from '../command.js';
import { textOption } from '../options.js';
import { socketClient } from '../runtime/api-client.js';
import { dataDirOf } from '../runtime/data-dir.js';

/** Only over the local socket: whoever may open it owns the installation. */
export const signInLink: Work = async (invocation) => {
  const client = socketClient(dataDirOf(invocation), 'platform', 'millrace up');
  const { url } = await client.call<{ url: string }>('POST', '/local/sign-in-link', {
    role: textOption(invocation, 'role'),
  });
  process.stdout.write(`${url}\n`);
  return 0;
};

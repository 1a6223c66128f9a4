import { MillraceError } from '@millrace/foundation';
import type { Work } from '../command.js';
import { flagOption, integerOption, textOption } from '../options.js';
import { platformClient } from '../runtime/api-client.js';
import { printJson, textTable } from '../runtime/table.js';

interface Token {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at?: string | null;
}

/** Prints the new token alone on stdout, so that it can be captured; what to know about it goes to stderr. */
export const tokenCreate: Work = async (invocation) => {
  const days = integerOption(invocation, 'days', '--days', 1, 3650);
  const created = await platformClient(invocation).call<Token & { token: string }>('POST', '/v1/tokens', {
    name: textOption(invocation, 'name'),
    role: textOption(invocation, 'role'),
    expires_in_days: days,
  });
  process.stdout.write(`${created.token}\n`);
  process.stderr.write(
    `Token ${created.id} (${created.role}) is shown this once; "millrace token revoke ${created.id}" ends it.\n`,
  );
  return 0;
};

export const tokenList: Work = async (invocation) => {
  const { items } = await platformClient(invocation).call<{ items: readonly Token[] }>('GET', '/v1/tokens');
  if (flagOption(invocation, 'json')) printJson(items);
  else {
    const rows = items.map((t) => [t.id, t.name, t.role, t.created_at, t.expires_at, t.last_used_at]);
    const headings = ['ID', 'NAME', 'ROLE', 'CREATED', 'EXPIRES', 'LAST USED'];
    process.stdout.write(
      textTable(headings, rows, 'No tokens. "millrace token create --role viewer" makes one.'),
    );
  }
  return 0;
};

export const tokenRevoke: Work = async ({ args, options }) => {
  const id = args.id;
  if (!id) throw new MillraceError('invalid_argument', 'Name the token to revoke.');
  await platformClient({ args, options }).call('DELETE', `/v1/tokens/${encodeURIComponent(id)}`);
  process.stdout.write(`Token ${id} is revoked.\n`);
  return 0;
};

import { createHash, randomBytes } from 'node:crypto';

export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

/**
 * What a route asks for. `public` needs no credentials, `local` only the platform's own socket; the others a person
 * or token with a role that has the permission.
 */
export const permissions = {
  public: roles,
  local: [],
  'fleet:read': roles,
  'session:own': roles,
  'devices:write': ['operator', 'admin'],
  'dead-letters:write': ['operator', 'admin'],
  'certificates:read': ['operator', 'admin'],
  'certificates:issue': ['admin'],
  'tokens:manage': ['admin'],
} as const satisfies Record<string, readonly Role[]>;
export type Permission = keyof typeof permissions;

/** Who asks. `local` came over the platform's own socket and is taken as an administrator of the first tenant. */
export interface Actor {
  readonly kind: 'session' | 'token' | 'local';
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly tenantId: number;
  readonly expiresAtMs: number | null;
}

/** Whether an actor may use a route with that permission. */
export function may(actor: Actor, permission: Permission): boolean {
  if (permission === 'local') return actor.kind === 'local';
  return (permissions[permission] as readonly Role[]).includes(actor.role);
}

export type SecretKind = 'mlr' | 'mls' | 'mll';

/**
 * A new secret: kind (`mlr` token, `mls` session, `mll` sign-in link), the tenant's number, and 32 random bytes. The
 * number lets a look-up run under row-level security; it grants nothing.
 */
export function newSecret(kind: SecretKind, tenantId: number): { text: string; hash: Buffer } {
  const text = `${kind}_${tenantId}_${randomBytes(32).toString('base64url')}`;
  return { text, hash: hashOf(text) };
}

/** Reads a secret's tenant; undefined when it is not of that kind. */
export function readSecret(kind: SecretKind, text: string): { tenantId: number; hash: Buffer } | undefined {
  const found = /^(ml[rsl])_([1-9]\d{0,8})_[A-Za-z0-9_-]{43}$/.exec(text);
  return found?.[1] === kind ? { tenantId: Number(found[2]), hash: hashOf(text) } : undefined;
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
